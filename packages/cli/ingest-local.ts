import type { Collection } from "@cairn/core/collection/collection.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { restoreDocuments, type StoredDocument } from "@cairn/core/document/restore.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
import type { InputDocument } from "./input/document.ts";
import type { Inputs } from "./input/open.ts";
import type { SendOptions } from "./send.ts";
import { count } from "./terminal/counts.ts";
import type { IngestProgress } from "./terminal/ingest-progress.ts";

/** Documents that are ingested in one call, and bytes of their texts and vectors, unless one alone has more. */
const BATCH = 500;
const BATCH_BYTES = 8_000_000;

interface LocalOptions extends SendOptions {
  readonly signal: AbortSignal;
  readonly progress: IngestProgress;
}

/** What `cairn ingest` has done. */
export interface Ingested {
  readonly collection: Collection;
  readonly ids: readonly string[];
  readonly passages: number;
  readonly failed: readonly { readonly id: string; readonly code: string; readonly message: string }[];
}

/**
 * Ingests the inputs into the tenant's collection, batch by batch. An error says how many documents were ingested
 * before it. Throws what `ingest` throws.
 */
export async function ingestInputs(
  services: Services,
  {
    tenantId,
    collection,
    inputs,
  }: { readonly tenantId: string; readonly collection: Collection; readonly inputs: Inputs },
  { maxTokens, overlap, signal, progress }: LocalOptions,
): Promise<Ingested> {
  const ids = new Set<string>();
  const failed: Ingested["failed"][number][] = [];
  let passages = 0;
  let seen = 0;
  assertSize(collection, inputs.dimensions);
  try {
    for await (const documents of batches(inputs.documents())) {
      signal.throwIfAborted();
      const asked = { collection: collection.name, documents, maxTokens, overlap, signal };
      const result = isStored(documents)
        ? { failed: [], ...(await restoreDocuments(services, tenantId, { ...asked, documents })) }
        : await ingest(services, tenantId, asked);
      for (const id of result.ids) ids.add(id);
      failed.push(...result.failed);
      passages += result.passages;
      seen += documents.length;
      progress.done(seen);
    }
  } catch (error) {
    if (!(error instanceof AppError) || ids.size === 0) throw error;
    const before = `${count(ids.size, "document")} of ${inputs.count} had been ingested before.`;
    throw new AppError(error.code, `${error.message} ${before} Run the same command again to go on.`, {
      path: error.path,
      cause: error,
    });
  }
  return { collection, ids: [...ids], passages, failed };
}

function assertSize({ name, dimensions }: Collection, given: number | undefined): void {
  if (given === undefined || dimensions === null || given === dimensions) return;
  throw new AppError(
    "dimension_mismatch",
    `The embeddings cannot be ingested: they have ${given} numbers, and collection ${JSON.stringify(name)} holds vectors of ${dimensions}. Leave them out, or name a collection of ${given} dimensions with --collection.`,
  );
}

type Stored = InputDocument & StoredDocument;

function isStored(documents: readonly InputDocument[]): documents is readonly Stored[] {
  return documents[0]?.passages !== undefined;
}

/** Batches in order; none has both documents that bring their passages and others. */
async function* batches(documents: AsyncIterable<InputDocument>): AsyncGenerator<readonly InputDocument[]> {
  let batch: InputDocument[] = [];
  let bytes = 0;
  for await (const document of documents) {
    const size = sizeOf(document);
    const other = (batch[0]?.passages === undefined) !== (document.passages === undefined);
    if (batch.length === BATCH || (batch.length > 0 && (other || bytes + size > BATCH_BYTES))) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(document);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

function sizeOf({ content, embedding, passages = [] }: InputDocument): number {
  const stored = passages.reduce(
    (sum, passage) => sum + (passage.content?.length ?? 0) + passage.embedding.byteLength,
    0,
  );
  return (content?.length ?? 0) + (embedding?.byteLength ?? 0) + stored;
}
