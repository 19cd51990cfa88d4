import { type JsonValue, stringifyJson } from "@cairn/core/database/json.ts";
import { encodeText } from "@cairn/core/database/text.ts";
import type { ProgressEvent } from "../copy/context.ts";
import { createFailureClassifier } from "../copy/failure.ts";
import { findQuarantineReason } from "../copy/record.ts";
import type { FailedCollection } from "../ledger/failures.ts";
import { readRecordPages } from "../source/record-pages.ts";
import type { Source, SourceRecord } from "../source/source.ts";
import { withDetectedMetric } from "../verify/detect-metric.ts";
import type { Plan, PlannedCollection } from "./plan.ts";

/** What the dry run reports about a collection. */
export interface Preflight {
  readonly planned: PlannedCollection;
  readonly count: number;
  readonly nullDocuments: number;
  /** Records whose metadata contains lists, integers over 2^53, NUL or lone surrogates. They are kept, encoded if necessary. */
  readonly oddMetadata: number;
  /** Records that will be kept without a vector, by reason. */
  readonly quarantined: Readonly<Record<string, number>>;
  /** Ids of records that Chroma cannot return completely. */
  readonly unreadable: readonly string[];
  /** Approximate bytes in Postgres. */
  readonly bytes: number;
  /** Estimated seconds to copy and compare, from the read speed measured here. Excludes embedding. */
  readonly seconds: number;
}

export interface PreflightOptions {
  /** Records in one request. Default 300. */
  readonly pageSize?: number;
  /** Aborted when the dry run stops. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: Pick<ProgressEvent, "id" | "collection" | "done" | "total">) => void;
}

/**
 * Reads every record of the planned collections once and reports what a migration would find, and which collections
 * cannot be read. Writes nothing. Throws `source_unavailable` if Chroma fails for all collections.
 */
export async function preflight(
  source: Source,
  { collections }: Plan,
  options: PreflightOptions = {},
): Promise<{ readonly results: readonly Preflight[]; readonly failed: readonly FailedCollection[] }> {
  const { pageSize = PAGE_SIZE, signal } = options;
  const classifier = createFailureClassifier({ source, pageSize, signal }, collections);
  const results: Preflight[] = [];
  const failed: FailedCollection[] = [];
  for (const planned of collections)
    try {
      results.push(await scanCollection(source, await withDetectedMetric(source, planned), options));
      classifier.recordSuccess(planned);
    } catch (error) {
      signal?.throwIfAborted();
      failed.push(await classifier.classify(planned, error));
    }
  return { results, failed };
}

/** Records in one request. */
const PAGE_SIZE = 300;

async function scanCollection(
  source: Source,
  planned: PlannedCollection,
  { pageSize = PAGE_SIZE, signal, onProgress }: PreflightOptions,
): Promise<Preflight> {
  const started = performance.now();
  const event = { id: planned.source.id, collection: planned.source.name };
  const total = await source.count(planned.source);
  const totals = {
    count: 0,
    nullDocuments: 0,
    oddMetadata: 0,
    quarantined: {} as Record<string, number>,
    unreadable: [] as string[],
    bytes: 0,
  };
  for await (const record of readAll(source, planned, pageSize)) {
    totals.count++;
    if (record.document === null) totals.nullDocuments++;
    if (record.metadata && isUnusual(record.metadata)) totals.oddMetadata++;
    if (record.unreadable) totals.unreadable.push(record.id);
    const fault = findQuarantineReason(record, {
      vectors: planned.vectors,
      metric: planned.source.metric,
      dimensions: planned.dimensions,
    });
    if (fault) totals.quarantined[fault.reason] = (totals.quarantined[fault.reason] ?? 0) + 1;
    totals.bytes += rowBytes(record, planned.dimensions ?? 0);
    if (totals.count % pageSize !== 0) continue;
    signal?.throwIfAborted();
    onProgress?.({ ...event, done: totals.count, total });
  }
  onProgress?.({ ...event, done: totals.count, total: totals.count });
  // One pass copies and one compares; each takes about as long as reading.
  return { planned, ...totals, seconds: (2 * (performance.now() - started)) / 1000 };
}

async function* readAll(
  source: Source,
  { source: collection, vectors }: PlannedCollection,
  pageSize: number,
): AsyncGenerator<SourceRecord> {
  for (let offset = 0; ; offset += pageSize) {
    const ids = await source.listIds(collection, { offset, limit: pageSize });
    for await (const page of readRecordPages(source, collection, ids, { embeddings: vectors === "copy" }))
      yield* page.values();
    if (ids.length < pageSize) return;
  }
}

/** Approximate bytes of a row. Its header, keys and index entries take about 200 bytes. */
function rowBytes({ id, document, metadata, uri }: SourceRecord, dimensions: number): number {
  const text = Buffer.byteLength(document ?? "") + Buffer.byteLength(uri ?? "") + 2 * Buffer.byteLength(id);
  return 200 + 4 * dimensions + text + (metadata ? stringifyJson(metadata).length : 2);
}

function isUnusual(value: JsonValue): boolean {
  if (typeof value === "string") return encodeText(value) !== value;
  if (typeof value === "bigint" || Array.isArray(value)) return true;
  if (value === null || typeof value !== "object" || JSON.isRawJSON(value)) return false;
  return Object.entries(value).some(([key, item]) => encodeText(key) !== key || isUnusual(item as JsonValue));
}
