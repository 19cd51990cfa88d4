import { withBackPressure } from "../collection/back-pressure.ts";
import { getCollection } from "../collection/get.ts";
import type { JsonObject } from "../database/json.ts";
import { asTenant } from "../database/transaction.ts";
import { isFiniteVector, isZeroVector } from "../database/vector.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import type { Row } from "./document.ts";
import { findMetadataFault } from "./metadata.ts";
import { assertDimensions, writeRows } from "./write.ts";

/** A stored passage: its text, its vector and, if known, its offset in the document's text and its headings. */
export interface StoredPassage extends Pick<Row, "content" | "offset" | "headings"> {
  /** Vector of the collection's dimensions. */
  readonly embedding: Float32Array;
}

/** A document that is already split and embedded. */
export interface StoredDocument {
  readonly id: string;
  readonly metadata?: JsonObject;
  readonly uri?: string;
  readonly passages: readonly StoredPassage[];
}

/**
 * Writes documents with their exported passages and vectors and replaces documents with the same ids. No text is split or
 * embedded. Either all documents are written, or none.
 * Throws `not_found`, `dimension_mismatch`, and `invalid_input` for an unusable vector or metadata.
 */
export async function restoreDocuments(
  { database }: Pick<Services, "database">,
  tenantId: string,
  options: { readonly collection?: string; readonly documents: readonly StoredDocument[] },
): Promise<{ readonly ids: readonly string[]; readonly passages: number }> {
  const collection = await getCollection(database, tenantId, options.collection);
  const byId = new Map(options.documents.map((document) => [document.id, document]));
  for (const { id, metadata } of byId.values()) {
    const fault = metadata && findMetadataFault(metadata);
    if (fault)
      throw new AppError(
        "invalid_input",
        `Document ${JSON.stringify(id.slice(0, 80))} cannot be restored. ${fault.message}`,
        { path: fault.path },
      );
  }
  const rows = [...byId.values()].flatMap(toRows);
  for (const { id, embedding } of rows) {
    const isZero = embedding && collection.metric === "cosine" && isZeroVector(embedding);
    if (isZero || (embedding && !isFiniteVector(embedding)))
      throw new AppError(
        "invalid_input",
        `Document ${JSON.stringify(id.slice(0, 80))} cannot be restored: one of its vectors is ${isZero ? "all zeros" : "not finite"}. Omit its vectors to embed its text instead.`,
      );
  }
  assertDimensions(collection, rows);
  const types = await database.vectorTypes();
  await withBackPressure(database, collection.id, () =>
    asTenant(database, tenantId, (transaction) => writeRows(transaction, collection, rows, { types })),
  );
  return { ids: [...byId.keys()], passages: rows.length };
}

function toRows({ id, metadata = {}, uri, passages }: StoredDocument): readonly Row[] {
  return passages.map((passage, chunk) => ({ ...passage, id, chunk, metadata, uri: uri ?? null }));
}
