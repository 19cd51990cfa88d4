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

/** A passage as it was stored: its text, its vector, and where it begins in the text, where that is known. */
export interface StoredPassage {
  readonly content: string | null;
  /** Of the collection's dimensions. */
  readonly embedding: Float32Array;
  /** UTF-16 code units. */
  readonly offset?: number | null;
}

/** A document that is split and embedded already. */
export interface StoredDocument {
  readonly id: string;
  readonly metadata?: JsonObject;
  readonly uri?: string;
  readonly passages: readonly StoredPassage[];
}

/**
 * Writes documents with the passages and vectors that they were exported with, replacing those with the same ids: no
 * text is split or embedded. All of them are written, or none.
 * Throws `not_found`, `invalid_input` for an unusable vector or metadata, `dimension_mismatch`.
 */
export async function restoreDocuments(
  { database }: Pick<Services, "database">,
  tenantId: string,
  options: { readonly collection?: string; readonly documents: readonly StoredDocument[] },
): Promise<{ readonly ids: readonly string[]; readonly passages: number }> {
  const collection = await getCollection(database, tenantId, options.collection);
  const last = new Map(options.documents.map((document) => [document.id, document]));
  for (const { id, metadata } of last.values()) {
    const fault = metadata && findMetadataFault(metadata);
    if (fault)
      throw new AppError(
        "invalid_input",
        `Document ${JSON.stringify(id.slice(0, 80))} cannot be restored. ${fault.message}`,
        { path: fault.path },
      );
  }
  const rows = [...last.values()].flatMap(toRows);
  for (const { id, embedding } of rows) {
    const zero = embedding && collection.metric === "cosine" && isZeroVector(embedding);
    if (zero || (embedding && !isFiniteVector(embedding)))
      throw new AppError(
        "invalid_input",
        `Document ${JSON.stringify(id.slice(0, 80))} cannot be restored: a vector of it is ${zero ? "all zeros" : "not finite"}. Leave its vectors out, and its text is embedded.`,
      );
  }
  assertDimensions(collection, rows);
  const types = await database.vectorTypes();
  await withBackPressure(database, collection.id, () =>
    asTenant(database, tenantId, (transaction) => writeRows(transaction, collection, rows, { types })),
  );
  return { ids: [...last.keys()], passages: rows.length };
}

function toRows({ id, metadata = {}, uri, passages }: StoredDocument): readonly Row[] {
  return passages.map((passage, chunk) => ({ ...passage, id, chunk, metadata, uri: uri ?? null }));
}
