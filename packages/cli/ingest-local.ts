import type { Collection } from "@cairn/core/collection/collection.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { restoreDocuments, type StoredDocument } from "@cairn/core/document/restore.ts";
import { compareStored } from "@cairn/core/document/unchanged.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
import type { InputDocument } from "@cairn/files/document.ts";
import { batches } from "./batches.ts";
import type { Inputs } from "./input/open.ts";
import type { SendOptions } from "./send.ts";
import { count } from "./terminal/counts.ts";
import type { IngestProgress } from "./terminal/ingest-progress.ts";

/** The batches of documents. A batch holds either exported documents only, or none. */
const BATCH = {
  maxItems: 500,
  maxBytes: 8_000_000, // texts and vectors
  bytesOf,
  kindOf: ({ passages }: InputDocument) => passages === undefined,
};

interface IngestOptions extends SendOptions {
  /** Compares only, and writes nothing. */
  readonly dryRun?: boolean;
  readonly signal: AbortSignal;
  readonly progress: IngestProgress;
}

/** The result of an ingest. */
export interface IngestResult {
  readonly collection: Collection;
  readonly ids: readonly string[];
  readonly passages: number;
  /** Documents that were stored already as they are. */
  readonly unchanged: number;
  /** Documents with a dry run that are new, and that would replace one. */
  readonly planned: { readonly new: number; readonly changed: number };
  readonly failed: readonly { readonly id: string; readonly code: string; readonly message: string }[];
  readonly notices: readonly string[];
}

/**
 * Ingests the inputs into the tenant's collection, batch by batch. Throws what `ingest` throws; the message then also says
 * how many documents had been ingested before.
 */
export async function ingestInputs(
  services: Services,
  {
    tenantId,
    collection,
    inputs,
  }: { readonly tenantId: string; readonly collection: Collection; readonly inputs: Inputs },
  { maxTokens, overlap, dryRun, signal, progress }: IngestOptions,
): Promise<IngestResult> {
  const ids = new Set<string>();
  const failed: IngestResult["failed"][number][] = [];
  let notice: string | undefined;
  let passages = 0;
  let processed = 0;
  let unchanged = 0;
  const planned = { new: 0, changed: 0 };
  assertDimensions(collection, inputs.dimensions);
  try {
    for await (const documents of batches(inputs.documents(), BATCH)) {
      signal.throwIfAborted();
      const settings = { collection: collection.name, maxTokens, overlap, signal };
      const states = isExported(documents)
        ? new Map()
        : await compareStored(services, tenantId, { ...settings, documents });
      const remaining = documents.filter(({ id }) => id === undefined || states.get(id) !== "unchanged");
      unchanged += documents.length - remaining.length;
      for (const { id } of remaining) planned[id !== undefined && states.has(id) ? "changed" : "new"]++;
      processed += documents.length;
      if (dryRun || remaining.length === 0) {
        progress.done(processed);
        continue;
      }
      const options = { ...settings, documents: remaining };
      const result = isExported(remaining)
        ? {
            failed: [],
            notice: undefined,
            ...(await restoreDocuments(services, tenantId, { ...settings, documents: remaining })),
          }
        : await ingest(services, tenantId, options);
      for (const id of result.ids) ids.add(id);
      failed.push(...result.failed);
      passages += result.passages;
      notice ??= result.notice;
      progress.done(processed);
    }
  } catch (error) {
    if (!(error instanceof AppError) || ids.size === 0) throw error;
    const before = `${count(ids.size, "document")} of ${inputs.count} had been ingested before.`;
    throw new AppError(error.code, `${error.message} ${before} Run the same command again to continue.`, {
      path: error.path,
      cause: error,
    });
  }
  return { collection, ids: [...ids], passages, unchanged, planned, failed, notices: notice ? [notice] : [] };
}

function assertDimensions({ name, dimensions }: Collection, inputDimensions: number | undefined): void {
  if (inputDimensions === undefined || dimensions === null || inputDimensions === dimensions) return;
  throw new AppError(
    "dimension_mismatch",
    `The embeddings cannot be ingested: they have ${inputDimensions} dimensions, and collection ${JSON.stringify(name)} has ${dimensions}. Remove the embeddings from the input, or name a collection of ${inputDimensions} dimensions with --collection.`,
  );
}

type ExportedDocument = InputDocument & StoredDocument;

/** Whether the batch holds exported documents, which bring their passages and vectors. */
function isExported(documents: readonly InputDocument[]): documents is readonly ExportedDocument[] {
  return documents[0]?.passages !== undefined;
}

function bytesOf({ content, embedding, passages = [] }: InputDocument): number {
  const stored = passages.reduce(
    (sum, passage) => sum + (passage.content?.length ?? 0) + passage.embedding.byteLength,
    0,
  );
  return (content?.length ?? 0) + (embedding?.byteLength ?? 0) + stored;
}
