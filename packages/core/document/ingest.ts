import type { Collection } from "../collection/collection.ts";
import { getCollection } from "../collection/get.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import { sliceByBytes } from "./byte-slices.ts";
import type { NewDocument } from "./document.ts";
import type { Failure, PassageOptions } from "./passages.ts";
import { splitDocuments } from "./split.ts";
import { assertDimensions } from "./write.ts";
import { type BatchContext, writeBatch } from "./write-batch.ts";

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

/** Documents whose passages are written in one transaction, at most. */
const BATCH = 500;

/** Batches on their way at once: one is embedded and encoded while another is written. */
const LANES = 2;

/**
 * Splits, embeds and writes documents into a tenant's collection, replacing those with the same ids, in batches of a
 * bounded number of bytes; a document of more is embedded in parts, and replaced all the same at once. A document that
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
      const transient = error instanceof AppError && TRANSIENT.has(error.code);
      if (!transient || attempt === ATTEMPTS) throw error;
    }
  }
}

const TRANSIENT: ReadonlySet<string> = new Set(["collection_changed", "database_busy"]);
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
  const failed: Failure[] = [];
  const onFailure = (failure: Failure) => void failed.push(failure);
  const splits = splitDocuments(services, sized, documents, { ...options, onFailure });
  const batches = sliceByBytes(splits, {
    bytesOf: ({ bytes }) => bytes,
    passagesOf: ({ texts }) => texts.length,
    items: BATCH,
  });
  const context: BatchContext = { services, collection, sized, types, onFailure, signal: options.signal };
  const written = new Set<string>();
  let passages = 0;
  await inLanes(batches, async (batch) => {
    const taken = await writeBatch(context, batch);
    for (const { document } of taken) written.add(document.id);
    passages += taken.reduce((sum, { texts }) => sum + texts.length, 0);
  });
  const ids = documents.map(({ id }) => id).filter((id) => written.has(id));
  return { collection, ids, passages, failed };
}

/** All items, a few at once, begun in order. After a failure none is begun, and those under way are waited for. */
async function inLanes<T>(items: AsyncGenerator<T>, work: (item: T) => Promise<void>): Promise<void> {
  let failed = false;
  const lane = async () => {
    try {
      for (let next = await items.next(); !next.done && !failed; next = await items.next())
        await work(next.value);
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: LANES }, lane));
  for (const ended of lanes) if (ended.status === "rejected") throw ended.reason;
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
