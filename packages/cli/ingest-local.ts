import type { Collection } from "@cairn/core/collection/collection.ts";
import type { NewDocument } from "@cairn/core/document/document.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
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
      const result = await ingest(services, tenantId, asked);
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

async function* batches(documents: AsyncIterable<NewDocument>): AsyncGenerator<readonly NewDocument[]> {
  let batch: NewDocument[] = [];
  let bytes = 0;
  for await (const document of documents) {
    const size = (document.content?.length ?? 0) + (document.embedding?.byteLength ?? 0);
    if (batch.length === BATCH || (batch.length > 0 && bytes + size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(document);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
