import type { Collection } from "../collection/collection.ts";
import { readSettings } from "../index/accuracy.ts";
import type { BuildNotes } from "../index/indexed-range.ts";
import { ACCEPTED_DEFAULTS, type IndexPlan, supportsBinary } from "../index/settings.ts";
import { BUILD_SETTINGS, retryDelay } from "./attempt.ts";
import { type CollectionIndex, type Inspection, requestedSettings, rowsWithin, servingRanges } from "./inspect.ts";
import { mergeTail, type SegmentRange } from "./segment-range.ts";

/** The next index work of a collection, and why it is needed. */
export type PendingWork =
  /** The reason is set if a failed build has to wait, or would fail again. */
  | { readonly action: "none"; readonly reason?: string }
  /** Drop indexes that no search uses. */
  | { readonly action: "drop"; readonly indexes: readonly CollectionIndex[]; readonly reason: string }
  | { readonly action: "build"; readonly range: SegmentRange; readonly reason: string };

/** Share of its threshold below which a collection loses its indexes. It is under 1 so that indexes are not built and dropped in turn. */
const DROP_BELOW = 0.5;

/** Share of deleted rows above which an index is rebuilt: a search visits deleted rows, too. */
const REBUILD_ABOVE_DELETED = 0.5;

/** What keyword indexes of this version have. */
const KEYWORD_NOTES = ["metadata", "bigrams", "numbers"] as const satisfies readonly (keyof BuildNotes)[];

export interface PendingWorkOptions {
  /** Maximum rows of a merged index. Default: no limit. */
  readonly maxRows?: number;
  /** Retries a failed build without a delay, unless it would fail again. Default false. */
  readonly retryNow?: boolean;
}

/** The pending work of a collection. It depends on the inspection alone, so that it can be shown without being carried out. */
export function findPendingWork(
  inspection: Inspection,
  { maxRows, retryNow = false }: PendingWorkOptions = {},
): PendingWork {
  const work = findNext(inspection, maxRows);
  const { attempt, plan, collection, segments } = inspection;
  if (work.action !== "build" || !attempt || !plan) return work;
  const rows = rowsWithin(segments, attempt.first, attempt.last);
  const delay = retryDelay(attempt, { plan, collection, rows });
  const reason = attempt.reason ?? "The index build was interrupted.";
  if (delay === undefined) return { action: "none", reason };
  if (delay === 0 || retryNow) return work;
  const minutes = Math.ceil(delay / 60);
  return {
    action: "none",
    reason: `${reason} It is retried in ${minutes} minute${minutes === 1 ? "" : "s"}.`,
  };
}

function findNext(inspection: Inspection, maxRows: number | undefined): PendingWork {
  const { indexes, plan, segments } = inspection;
  const unused = indexes.filter(({ state }) => state !== "valid");
  if (unused.length > 0)
    return {
      action: "drop",
      indexes: unused,
      reason: "the index is replaced, or left by an interrupted build",
    };
  const invalid = indexes.filter(({ usable }) => !usable);
  if (invalid.length > 0) return { action: "drop", indexes: invalid, reason: "the index is invalid" };
  const serving = servingRanges(inspection);
  const rows = segments.reduce((sum, segment) => sum + segment.rows, 0);
  if (plan === undefined || rows < DROP_BELOW * plan.threshold)
    return indexes.length === 0
      ? { action: "none" }
      : { action: "drop", indexes, reason: `a search of ${rows} rows is as fast without an index` };
  const rebuilt = findRebuild(inspection, plan);
  if (rebuilt) return rebuilt;
  const gap = findGap(inspection, serving);
  if (gap && gap.rows >= plan.threshold)
    return { action: "build", range: gap, reason: "the index of these rows is missing" };
  const tail = findTail(inspection, serving);
  if (tail.rows >= plan.threshold)
    return {
      action: "build",
      range: mergeTail(serving, tail, maxRows),
      reason: `${tail.rows} rows have no index, and the threshold is ${plan.threshold}`,
    };
  // Checked last: an index of an earlier version still serves.
  const old = indexes.find(
    ({ kind, settings }) => kind === "keyword" && KEYWORD_NOTES.some((note) => settings[note] !== true),
  );
  if (!old) return { action: "none" };
  const range = { first: old.first, last: old.last, rows: rowsWithin(segments, old.first, old.last) };
  return { action: "build", range, reason: "the keyword index was built by an earlier version" };
}

/** The rows after the last index. */
function findTail({ segments, openSegment }: Inspection, serving: readonly SegmentRange[]): SegmentRange {
  const first = (serving.at(-1)?.last ?? -1) + 1;
  return { first, last: openSegment, rows: rowsWithin(segments, first, openSegment) };
}

/** Closed segments without an index before a segment range with one. */
function findGap({ segments }: Inspection, serving: readonly SegmentRange[]): SegmentRange | undefined {
  let next = 0;
  for (const { first, last } of serving) {
    if (first > next) return { first: next, last: first - 1, rows: rowsWithin(segments, next, first - 1) };
    next = last + 1;
  }
  return undefined;
}

function findRebuild({ indexes, segments, collection }: Inspection, plan: IndexPlan): PendingWork | undefined {
  for (const { kind, first, last, settings, rows: rowsAtBuild } of indexes) {
    const rows = rowsWithin(segments, first, last);
    const range = { first, last, rows };
    if (kind === "tail") continue; // the next build replaces it
    if (kind === "keyword") {
      if (settings.language !== collection.language)
        return { action: "build", range, reason: `the language changed to ${collection.language}` };
      continue;
    }
    const requested = requestedSettings(settings);
    const changed = BUILD_SETTINGS.find(
      (key) =>
        settings[key] !== plan[key] &&
        requested[key] !== plan[key] &&
        applies(key, plan) &&
        !(collection.indexSettings[key] === undefined && isAcceptable(key, settings, collection)),
    );
    if (changed)
      return {
        action: "build",
        range,
        reason: `the setting ${changed} changed to ${String(plan[changed] ?? "the default")}`,
      };
    if (!indexes.some((other) => other.kind === "keyword" && other.first === first && other.last === last))
      return { action: "build", range, reason: "the keyword index is missing" };
    if (rows < (1 - REBUILD_ABOVE_DELETED) * rowsAtBuild)
      return {
        action: "build",
        range,
        reason: `${rowsAtBuild - rows} of ${rowsAtBuild} indexed rows are deleted`,
      };
  }
  return undefined;
}

/** Whether an index with another value than the current default need not be rebuilt. */
function isAcceptable(
  key: (typeof BUILD_SETTINGS)[number],
  settings: CollectionIndex["settings"],
  collection: Collection,
): boolean {
  const { kind, isBinaryTooCoarse } = readSettings(settings).accuracy;
  if (key === "precision" && kind !== "full")
    return supportsBinary(collection) && kind === "binary" && !isBinaryTooCoarse;
  return ACCEPTED_DEFAULTS[key]?.includes(settings[key]) === true;
}

function applies(key: (typeof BUILD_SETTINGS)[number], { type, lists }: IndexPlan): boolean {
  if (key === "lists") return type === "ivfflat" && lists !== undefined;
  if (key === "m" || key === "efConstruction") return type === "hnsw";
  return true;
}
