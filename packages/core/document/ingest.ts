import type { Collection } from "../collection/collection.ts";
import { getCollection } from "../collection/get.ts";
import { paced } from "../collection/pace.ts";
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

/** Documents whose passages are written in one transaction. */
const BATCH = 500;

/** Batches on their way at once: one is embedded and encoded while another is written. */
const LANES = 2;

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
  const documents = lastOfEachId(options.documents); // once: ids that are made up stay through every attempt
  for (let attempt = 0; ; attempt++) {
    try {
      return await ingestOnce(services, tenantId, { ...options, documents });
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
  { documents, ...options }: IdentifiedOptions,
): Promise<IngestResult> {
  const { database } = services;
  const collection = await getCollection(database, tenantId, options.collection);
  assertDimensions(
    collection,
    documents.map(({ id, place, embedding }) => ({
      id,
      embedding: embedding ?? null,
      path: `documents[${place}].embedding`,
    })),
  );
  // A collection without a size takes the given vectors' own: texts beside them are embedded to the same.
  const given = documents.find(({ embedding }) => embedding)?.embedding?.length;
  const sized = { ...collection, dimensions: collection.dimensions ?? given ?? null };
  const types = await database.vectorTypes();
  const write = async (batch: readonly IdentifiedDocument[]): Promise<Written> => {
    const embedded = await embedPassages(services, sized, batch, options);
    const rows = embedded.documents.flatMap(toRows);
    await paced(database, collection.id, () =>
      asTenant(database, tenantId, (transaction) => writeRows(transaction, collection, rows, { types })),
    );
    const written = new Set(embedded.documents.map(({ document }) => document.id));
    const ids = batch.map(({ id }) => id).filter((id) => written.has(id));
    return { ids, passages: rows.length, failed: embedded.failed };
  };
  const written = await inLanes([...batches(documents)], write);
  const ids = written.flatMap((batch) => batch.ids);
  const failed = written.flatMap((batch) => batch.failed);
  const passages = written.reduce((sum, batch) => sum + batch.passages, 0);
  return { collection, ids, passages, failed };
}

type Written = Omit<IngestResult, "collection">;

/** All of them, a few at once, in order. After a failure none is begun, and those on their way are waited for. */
async function inLanes<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  let next = 0;
  let failed = false;
  const lane = async () => {
    for (let at = next++; at < items.length && !failed; at = next++)
      try {
        results[at] = await work(items[at] as T);
      } catch (error) {
        failed = true;
        throw error;
      }
  };
  const lanes = await Promise.allSettled(Array.from({ length: LANES }, lane));
  for (const ended of lanes) if (ended.status === "rejected") throw ended.reason;
  return results;
}

type IdentifiedDocument = NewDocument & {
  readonly id: string;
  /** Among those given. */
  readonly place: number;
};

interface IdentifiedOptions extends IngestOptions {
  readonly documents: readonly IdentifiedDocument[];
}

function lastOfEachId(documents: readonly NewDocument[]): readonly IdentifiedDocument[] {
  const last = new Map<string, IdentifiedDocument>();
  for (const [place, document] of documents.entries()) {
    const id = document.id ?? crypto.randomUUID();
    if (id === "")
      throw new AppError("invalid_input", "A document's id cannot be empty.", {
        path: `documents[${place}].id`,
      });
    last.set(id, { ...document, id, place });
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
