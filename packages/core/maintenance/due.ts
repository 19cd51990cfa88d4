import type { Collection } from "../collection/collection.ts";
import { ACCEPTED_DEFAULTS, type IndexPlan, supportsBinary } from "../collection/index-settings.ts";
import { CONSTRUCTION, waitFor } from "./attempt.ts";
import { askedFor, type CollectionIndex, type Inspection, rowsWithin, servingRanges } from "./inspect.ts";
import { mergeTail, type SegmentRange } from "./segment-range.ts";

/** What a collection's indexes need next, and why. */
export type Due =
  /** With a reason where a build is due that failed before and has to wait, or would fail again. */
  | { readonly action: "none"; readonly reason?: string }
  /** Remove indexes that do not serve any longer, or never did. */
  | { readonly action: "drop"; readonly indexes: readonly CollectionIndex[]; readonly reason: string }
  | { readonly action: "build"; readonly range: SegmentRange; readonly reason: string };

/** A collection is demoted when it has shrunk to this share of its threshold: not at once, or it would go to and fro. */
const DEMOTE_BELOW = 0.5;

/** An index of which this share of rows is gone is built anew: its graph leads through what is deleted. */
const BLOATED_ABOVE = 0.5;

export interface DueOptions {
  /** Indexes are not merged into one of more rows. Default: of any number. */
  readonly maxRows?: number;
  /** What failed before is due at once, unless it would fail again. Default: after a while. */
  readonly insist?: boolean;
}

/** Decides from an inspection alone, so that it can be told without being done. */
export function findDue(inspection: Inspection, { maxRows, insist = false }: DueOptions = {}): Due {
  const due = findNext(inspection, maxRows);
  const { attempt, plan, collection, segments } = inspection;
  if (due.action !== "build" || !attempt || !plan) return due;
  const rows = rowsWithin(segments, attempt.first, attempt.last);
  const wait = waitFor(attempt, { plan, collection, rows });
  const reason = attempt.reason ?? "The build of its index was broken off.";
  if (wait === undefined) return { action: "none", reason };
  if (wait === 0 || insist) return due;
  return { action: "none", reason: `${reason} It is tried again in ${Math.ceil(wait / 60)} minutes.` };
}

function findNext(inspection: Inspection, maxRows: number | undefined): Due {
  const { indexes, plan, segments } = inspection;
  const left = indexes.filter(({ state }) => state !== "valid");
  if (left.length > 0)
    return { action: "drop", indexes: left, reason: "superseded, or left by a build that was broken off" };
  const invalid = indexes.filter(({ usable }) => !usable);
  if (invalid.length > 0) return { action: "drop", indexes: invalid, reason: "not valid" };
  const serving = servingRanges(inspection);
  const rows = segments.reduce((sum, segment) => sum + segment.rows, 0);
  if (plan === undefined || rows < DEMOTE_BELOW * plan.threshold)
    return indexes.length === 0
      ? { action: "none" }
      : { action: "drop", indexes, reason: `${rows} rows are searched as fast without an index` };
  const rebuilt = findRebuild(inspection, plan);
  if (rebuilt) return rebuilt;
  const gap = findGap(inspection, serving);
  if (gap && gap.rows >= plan.threshold) return { action: "build", range: gap, reason: "its index is gone" };
  const tail = findTail(inspection, serving);
  if (tail.rows >= plan.threshold)
    return {
      action: "build",
      range: mergeTail(serving, tail, maxRows),
      reason: `${tail.rows} rows have no index yet; the threshold is ${plan.threshold}`,
    };
  // Last, as nothing is wrong with what an earlier version built.
  const old = indexes.find(
    ({ kind, settings }) => kind === "keyword" && (settings.metadata !== true || settings.bigrams !== true),
  );
  if (!old) return { action: "none" };
  const range = { first: old.first, last: old.last, rows: rowsWithin(segments, old.first, old.last) };
  return { action: "build", range, reason: "its keyword index is of an earlier version" };
}

/** The rows behind the last index. */
function findTail({ segments, openSegment }: Inspection, serving: readonly SegmentRange[]): SegmentRange {
  const first = (serving.at(-1)?.last ?? -1) + 1;
  return { first, last: openSegment, rows: rowsWithin(segments, first, openSegment) };
}

/** Closed segments before an index that have none themselves. */
function findGap({ segments }: Inspection, serving: readonly SegmentRange[]): SegmentRange | undefined {
  let next = 0;
  for (const { first, last } of serving) {
    if (first > next) return { first: next, last: first - 1, rows: rowsWithin(segments, next, first - 1) };
    next = last + 1;
  }
  return undefined;
}

function findRebuild({ indexes, segments, collection }: Inspection, plan: IndexPlan): Due | undefined {
  for (const { kind, first, last, settings, rows: built } of indexes) {
    const rows = rowsWithin(segments, first, last);
    const range = { first, last, rows };
    if (kind === "tail") continue; // a new one comes with the next build
    if (kind === "keyword") {
      if (settings.language !== collection.language)
        return { action: "build", range, reason: `the language became ${collection.language}` };
      continue;
    }
    const asked = askedFor(settings);
    const changed = CONSTRUCTION.find(
      (key) =>
        settings[key] !== plan[key] &&
        asked[key] !== plan[key] &&
        applies(key, plan) &&
        !(collection.indexSettings[key] === undefined && isAsGood(key, settings, collection)),
    );
    if (changed)
      return {
        action: "build",
        range,
        reason: `the setting ${changed} became ${String(plan[changed] ?? "the default")}`,
      };
    if (!indexes.some((other) => other.kind === "keyword" && other.first === first && other.last === last))
      return { action: "build", range, reason: "its keyword index is gone" };
    if (rows < (1 - BLOATED_ABOVE) * built)
      return { action: "build", range, reason: `${built - rows} of its ${built} rows are gone` };
  }
  return undefined;
}

/** Not what would be built today where the collection sets nothing, but no reason to build. */
function isAsGood(
  key: (typeof CONSTRUCTION)[number],
  settings: CollectionIndex["settings"],
  collection: Collection,
): boolean {
  if (key === "precision" && settings.precision === "bit")
    return supportsBinary(collection) && settings.reranked !== undefined && settings.coarse !== true;
  return ACCEPTED_DEFAULTS[key]?.includes(settings[key]) === true;
}

function applies(key: (typeof CONSTRUCTION)[number], { type, lists }: IndexPlan): boolean {
  if (key === "lists") return type === "ivfflat" && lists !== undefined;
  if (key === "m" || key === "efConstruction") return type === "hnsw";
  return true;
}
