import { type JsonValue, stringifyJson } from "@cairn/core/database/json.ts";
import { encodeText } from "@cairn/core/database/text.ts";
import { createFailureJudge } from "../copy/failure.ts";
import { findFault } from "../copy/record.ts";
import type { FailedCollection } from "../ledger/failures.ts";
import { recordsInPages } from "../source/in-pages.ts";
import type { Source, SourceRecord } from "../source/source.ts";
import { withProvenMetric } from "../verify/prove-metric.ts";
import type { Plan, PlannedCollection } from "./plan.ts";

/** What a collection holds that is worth knowing before it is copied. */
export interface Preflight {
  readonly planned: PlannedCollection;
  readonly count: number;
  readonly nullDocuments: number;
  /** Records with lists, integers over 2^53, NUL or half a surrogate pair in their metadata: kept, in an encoded form where need be. */
  readonly oddMetadata: number;
  /** Records that will be kept without a vector, by reason. */
  readonly quarantined: Readonly<Record<string, number>>;
  /** Ids that Chroma fails to give back whole. */
  readonly unreadable: readonly string[];
  /** Bytes in Postgres, about. */
  readonly bytes: number;
  /** Seconds that copying and comparing will take, from the speed of reading here, embedding not counted. */
  readonly seconds: number;
}

export interface PreflightOptions {
  /** Records a request. Default 300. */
  readonly pageSize?: number;
  readonly onProgress?: (event: {
    readonly id: string;
    readonly collection: string;
    readonly done: number;
    readonly total: number;
  }) => void;
}

/**
 * Reads every record of the planned collections once and says what copying them will meet, and which cannot be read by
 * themselves. Writes nothing. Throws `source_unavailable` where Chroma fails for all.
 */
export async function preflight(
  source: Source,
  { collections }: Plan,
  options: PreflightOptions = {},
): Promise<{ readonly results: readonly Preflight[]; readonly failed: readonly FailedCollection[] }> {
  const { pageSize = PAGE_SIZE } = options;
  const judge = createFailureJudge({ source, pageSize }, collections);
  const results: Preflight[] = [];
  const failed: FailedCollection[] = [];
  for (const planned of collections)
    try {
      results.push(await examine(source, await withProvenMetric(source, planned), options));
      judge.succeeded(planned);
    } catch (error) {
      failed.push(await judge.judge(planned, error));
    }
  return { results, failed };
}

/** Records a request. */
const PAGE_SIZE = 300;

async function examine(
  source: Source,
  planned: PlannedCollection,
  { pageSize = PAGE_SIZE, onProgress }: PreflightOptions,
): Promise<Preflight> {
  const started = performance.now();
  const about = { id: planned.source.id, collection: planned.source.name };
  const total = await source.count(planned.source);
  const found = {
    count: 0,
    nullDocuments: 0,
    oddMetadata: 0,
    quarantined: {} as Record<string, number>,
    unreadable: [] as string[],
    bytes: 0,
  };
  for await (const record of readAll(source, planned, pageSize)) {
    found.count++;
    if (record.document === null) found.nullDocuments++;
    if (record.metadata && isOdd(record.metadata)) found.oddMetadata++;
    if (record.unreadable) found.unreadable.push(record.id);
    const fault = findFault(record, {
      vectors: planned.vectors,
      metric: planned.source.metric,
      dimensions: planned.dimensions,
    });
    if (fault) found.quarantined[fault.reason] = (found.quarantined[fault.reason] ?? 0) + 1;
    found.bytes += rowBytes(record, planned.dimensions ?? 0);
    if (found.count % pageSize === 0) onProgress?.({ ...about, done: found.count, total });
  }
  onProgress?.({ ...about, done: found.count, total: found.count });
  // A pass that copies and one that compares, each about as fast as reading.
  return { planned, ...found, seconds: (2 * (performance.now() - started)) / 1000 };
}

async function* readAll(
  source: Source,
  { source: collection, vectors }: PlannedCollection,
  pageSize: number,
): AsyncGenerator<SourceRecord> {
  for (let offset = 0; ; offset += pageSize) {
    const ids = await source.listIds(collection, { offset, limit: pageSize });
    for await (const page of recordsInPages(source, collection, ids, { embeddings: vectors === "copy" }))
      yield* page.values();
    if (ids.length < pageSize) return;
  }
}

/** A row's header, keys and index entries take about 200 bytes. */
function rowBytes({ id, document, metadata, uri }: SourceRecord, dimensions: number): number {
  const text = Buffer.byteLength(document ?? "") + Buffer.byteLength(uri ?? "") + 2 * Buffer.byteLength(id);
  return 200 + 4 * dimensions + text + (metadata ? stringifyJson(metadata).length : 2);
}

function isOdd(value: JsonValue): boolean {
  if (typeof value === "string") return encodeText(value) !== value;
  if (typeof value === "bigint" || Array.isArray(value)) return true;
  if (value === null || typeof value !== "object" || JSON.isRawJSON(value)) return false;
  return Object.entries(value).some(([key, item]) => encodeText(key) !== key || isOdd(item as JsonValue));
}
