import type { Collection } from "../collection/collection.ts";
import { getCollection } from "../collection/get.ts";
import { languageNotice } from "../embedding/bundled/language.ts";
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
  /** If an id occurs twice, the last document wins. */
  readonly documents: readonly NewDocument[];
}

export interface IngestResult {
  readonly collection: Collection;
  /** Ids of the written documents, in the order of the input. */
  readonly ids: readonly string[];
  readonly passages: number;
  /** Documents that could not be written. The others were written. */
  readonly failed: readonly Failure[];
  /** Text for the user if the collection's model does not know the language of the documents. */
  readonly notice: string | undefined;
}

/** Maximum documents whose passages are written in one transaction. */
const MAX_BATCH_DOCUMENTS = 500;

/** Concurrent batches: one is embedded and encoded while another is written. */
const CONCURRENT_BATCHES = 2;

/**
 * Splits, embeds and writes documents into a tenant's collection and replaces documents with the same ids. Batches have a
 * bounded number of bytes. A larger document is embedded in parts and still replaced in one transaction. A document that
 * cannot be written is reported, and the others are written; a failure of the embedding API ends the call.
 * Throws `not_found`, `dimension_mismatch` before anything is written, `embedding_failed`, `embedding_quota` and
 * `embedder_unavailable`.
 */
export async function ingest(services: Services, tenantId: string, options: IngestOptions): Promise<IngestResult> {
  const documents = deduplicateById(options.documents); // outside the loop, so that all attempts use the same generated ids
  for (let attempt = 0; ; attempt++) {
    try {
      return await ingestOnce(services, tenantId, { ...options, documents });
    } catch (error) {
      // The name now belongs to another collection, or another writer caused a conflict. A retry from the start is safe:
      // documents are written again, and cached embeddings are not paid for again.
      const isTransient = error instanceof AppError && TRANSIENT_CODES.has(error.code);
      if (!isTransient || attempt === MAX_RETRIES) throw error;
    }
  }
}

const TRANSIENT_CODES: ReadonlySet<string> = new Set(["collection_changed", "database_busy"]);
const MAX_RETRIES = 3;

async function ingestOnce(
  services: Services,
  tenantId: string,
  { documents, ...options }: IdentifiedOptions,
): Promise<IngestResult> {
  const { database } = services;
  const collection = await getCollection(database, tenantId, options.collection);
  assertDimensions(
    collection,
    documents.map(({ id, index, embedding }) => ({
      id,
      embedding: embedding ?? null,
      path: `documents[${index}].embedding`,
    })),
  );
  // A collection without dimensions takes those of the given vectors. Texts in the same call are embedded to the same dimensions.
  const givenDimensions = documents.find(({ embedding }) => embedding)?.embedding?.length;
  const sizedCollection = { ...collection, dimensions: collection.dimensions ?? givenDimensions ?? null };
  const types = await database.vectorTypes();
  const failed: Failure[] = [];
  const onFailure = (failure: Failure) => void failed.push(failure);
  const splits = splitDocuments(services, sizedCollection, documents, { ...options, onFailure });
  const batches = sliceByBytes(splits, {
    bytesOf: ({ bytes }) => bytes,
    passagesOf: ({ texts }) => texts.length,
    items: MAX_BATCH_DOCUMENTS,
  });
  const context: BatchContext = {
    services,
    collection,
    sizedCollection,
    types,
    onFailure,
    signal: options.signal,
  };
  const written = new Set<string>();
  let passages = 0;
  await forEachConcurrently(batches, async (batch) => {
    const ingested = await writeBatch(context, batch);
    for (const { document } of ingested) written.add(document.id);
    passages += ingested.reduce((sum, { texts }) => sum + texts.length, 0);
  });
  const ids = documents.map(({ id }) => id).filter((id) => written.has(id));
  const texts = documents.flatMap(({ content, embedding }) => (embedding || !content ? [] : content));
  return { collection, ids, passages, failed, notice: await languageNotice(collection.embeddingModel, texts) };
}

/** Runs `work` for all items with limited concurrency, started in order. After a failure no further item starts, and running ones are awaited. */
async function forEachConcurrently<T>(items: AsyncGenerator<T>, work: (item: T) => Promise<void>): Promise<void> {
  let failed = false;
  const worker = async () => {
    try {
      for (let next = await items.next(); !next.done && !failed; next = await items.next()) await work(next.value);
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: CONCURRENT_BATCHES }, worker));
  for (const outcome of workers) if (outcome.status === "rejected") throw outcome.reason;
}

type IdentifiedDocument = NewDocument & {
  readonly id: string;
  /** Index in the input. */
  readonly index: number;
};

interface IdentifiedOptions extends IngestOptions {
  readonly documents: readonly IdentifiedDocument[];
}

function deduplicateById(documents: readonly NewDocument[]): readonly IdentifiedDocument[] {
  const byId = new Map<string, IdentifiedDocument>();
  for (const [index, document] of documents.entries()) {
    const id = document.id ?? crypto.randomUUID();
    if (id === "")
      throw new AppError(
        "invalid_input",
        "The document cannot be written: its id is empty. Give an id, or omit it for a random UUID.",
        {
          path: `documents[${index}].id`,
        },
      );
    byId.set(id, { ...document, id, index });
  }
  return [...byId.values()];
}
