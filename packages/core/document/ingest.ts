import type { Collection } from "../collection/collection.ts";
import { getCollection } from "../collection/get.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import type { NewDocument, Row } from "./document.ts";
import { embedPassages, type Failure, type PassageOptions, type Passages } from "./passages.ts";
import { assertDimensions, writeRows } from "./write.ts";

export interface IngestOptions extends PassageOptions {
  /** Default `knowledge`. */
  readonly collection?: string;
  /** Of one id given twice, the last wins. */
  readonly documents: readonly NewDocument[];
}

export interface IngestResult {
  readonly collection: Collection;
  /** Ids of the documents that were written, in the order given. */
  readonly ids: readonly string[];
  readonly passages: number;
  /** Documents that could not be taken; the others were. */
  readonly failed: readonly Failure[];
}

/** Passages written in one transaction; a document is never divided between two. */
const BATCH = 500;

/**
 * Splits, embeds and writes documents into a tenant's collection, replacing those with the same ids. A document that
 * cannot be taken is reported and the others go on; an embedding API that fails stops the call.
 * Throws `not_found`, `dimension_mismatch` before anything is written, `embedding_failed`, `embedding_quota`,
 * `embedder_unavailable`.
 */
export async function ingest(
  services: Services,
  tenantId: string,
  options: IngestOptions,
): Promise<IngestResult> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ingestOnce(services, tenantId, options);
    } catch (error) {
      // Another collection has taken the name, with another model, or another writer was in the way: from the start,
      // as what was written is written again, and what was paid for is not paid for again.
      const passing = error instanceof AppError && PASSING.has(error.code);
      if (!passing || attempt === ATTEMPTS) throw error;
    }
  }
}

const PASSING: ReadonlySet<string> = new Set(["collection_changed", "database_busy"]);
const ATTEMPTS = 3;

async function ingestOnce(
  services: Services,
  tenantId: string,
  options: IngestOptions,
): Promise<IngestResult> {
  const { database } = services;
  const collection = await getCollection(database, tenantId, options.collection);
  const documents = lastOfEachId(options.documents);
  assertDimensions(
    collection,
    documents.map(({ id, embedding }) => ({ id, embedding: embedding ?? null })),
  );
  // A collection without a size takes the given vectors' own: texts beside them are embedded to the same.
  const given = documents.find(({ embedding }) => embedding)?.embedding?.length;
  const sized = { ...collection, dimensions: collection.dimensions ?? given ?? null };
  const types = await database.vectorTypes();
  const ids: string[] = [];
  const failed: Failure[] = [];
  let passages = 0;
  for (const batch of batches(documents)) {
    const embedded = await embedPassages(services, sized, batch, options);
    failed.push(...embedded.failed);
    const rows = embedded.documents.flatMap(toRows);
    await asTenant(database, tenantId, (transaction) => writeRows(transaction, collection, rows, { types }));
    const written = new Set(embedded.documents.map(({ document }) => document.id));
    ids.push(...batch.map(({ id }) => id).filter((id) => written.has(id)));
    passages += rows.length;
  }
  return { collection, ids, passages, failed };
}

type IdentifiedDocument = NewDocument & { readonly id: string };

function lastOfEachId(documents: readonly NewDocument[]): readonly IdentifiedDocument[] {
  const last = new Map<string, IdentifiedDocument>();
  for (const document of documents) {
    const id = document.id ?? crypto.randomUUID();
    if (id === "")
      throw new AppError("invalid_input", "A document's id cannot be empty.", { path: "documents.id" });
    last.set(id, { ...document, id });
  }
  return [...last.values()];
}

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += BATCH) yield items.slice(start, start + BATCH);
}

function toRows({ document, texts, vectors }: Passages): readonly Row[] {
  return texts.map((content, chunk) => ({
    id: document.id,
    chunk,
    content,
    embedding: vectors[chunk] ?? null,
    metadata: document.metadata ?? {},
    uri: document.uri ?? null,
  }));
}
