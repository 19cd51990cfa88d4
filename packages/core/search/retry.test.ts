import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import type { Collection } from "../collection/collection.ts";
import type { Precision } from "../database/collection-settings.ts";
import type { Accuracy, IndexedRange, IndexKind } from "../index/indexed-range.ts";
import { INDEX_DEFAULTS } from "../index/settings.ts";
import type { HitRow } from "./hit.ts";
import type { PlannedSearch, Retry } from "./plan.ts";
import { planSearch } from "./plan-search.ts";
import { planRetry } from "./retry.ts";
import { unusableIndexes } from "./unusable.ts";

const binary = (filterDepth: number): Accuracy => ({
  kind: "binary",
  rerank: 100,
  filterDepth,
  isBinaryTooCoarse: false,
});
const uncalibrated: Accuracy = { kind: "uncalibrated_binary", isBinaryTooCoarse: false };
const full: Accuracy = { kind: "full", isBinaryTooCoarse: false };

const index = (name: string, kind: IndexKind, precision: Precision): IndexedRange => ({
  name,
  kind,
  first: 0,
  last: 0,
  plan: { ...INDEX_DEFAULTS, precision, accuracy: precision === "bit" ? binary(1_000) : full },
  rows: 5_000,
});

const collection = { metric: "cosine", dimensions: 2, indexSettings: {} } as unknown as Collection;
const search: PlannedSearch = { mode: "vector", topK: 10 };
const filtered = { ...search, matches: sql`true` };

interface RetryInput {
  readonly request?: PlannedSearch;
  readonly previous?: Retry;
  readonly rows?: Partial<HitRow>;
}

/** The retry of a search whose indexes returned these numbers of rows. */
function retryOf(
  indexes: readonly IndexedRange[],
  counts: readonly number[],
  { request = search, previous, rows = {} }: RetryInput = {},
) {
  const target = { collection, version: "", indexes };
  const excluded = previous?.excluded ?? unusableIndexes(target, [], { isFiltered: request.matches !== undefined });
  const plan = planSearch(target, request, { list: "vector", excluded, retry: previous });
  const retry = planRetry(plan, request, [[{ counts, ...rows } as HitRow]]);
  return retry && { ...retry, excluded: [...retry.excluded] };
}

const first: Retry = { list: "vector", queries: [1], excluded: new Set() };
const hnsw = index("hnsw", "vector", "bit");
const tail = index("tail", "tail", "bit");

test("an index that returned too few rows is compared row by row", () => {
  const two = [index("one", "vector", "halfvec"), index("two", "vector", "halfvec")];
  expect(retryOf(two, [10, 10])).toBeUndefined();
  expect(retryOf(two, [10, 9])).toEqual({ ...first, excluded: ["two"] });
  expect(retryOf([two[0], tail] as IndexedRange[], [9, 0])).toEqual({ ...first, excluded: ["one"] });
});

test("an index whose pre-filter answered is complete with no row of its own", () => {
  const one = [index("one", "vector", "halfvec")];
  expect(retryOf(one, [0], { request: filtered })).toEqual({ ...first, excluded: ["one"] });
  expect(retryOf(one, [0], { request: filtered, rows: { prefiltered: [0] } })).toBeUndefined();
  expect(retryOf(one, [0], { request: filtered, rows: { prefiltered: [] } })).toBeDefined();
});

test("an index that shares its re-rank with the tail is read alone, then compared row by row", () => {
  const both = [hnsw, tail];
  expect(retryOf(both, [10, 100])).toBeUndefined();
  expect(retryOf(both, [110, 0])).toBeUndefined();
  expect(retryOf(both, [3, 107])).toEqual({ ...first, excluded: [] });
  expect(retryOf(both, [12, 100], { previous: first })).toBeUndefined();
  expect(retryOf(both, [3, 100], { previous: first })).toEqual({ ...first, excluded: ["hnsw"] });
  const previous = { ...first, excluded: new Set(["hnsw"]) };
  expect(retryOf(both, [100], { previous })).toBeUndefined();
});

test("with a filter each index returns its own hits among its near rows", () => {
  expect(retryOf([hnsw, tail], [9, 100], { request: filtered })).toEqual({ ...first, excluded: ["hnsw"] });
  expect(retryOf([hnsw, tail], [10, 0], { request: filtered })).toBeUndefined();
});

test("a filtered search does not use a binary index whose order is trusted for few rows only", () => {
  const unusable = (accuracy: Accuracy, isFiltered = true) => [
    ...unusableIndexes({ collection, version: "", indexes: [{ ...hnsw, plan: { ...hnsw.plan, accuracy } }] }, [], {
      isFiltered,
    }),
  ];
  expect(unusable(binary(500))).toEqual(["hnsw"]);
  expect(unusable(binary(0))).toEqual(["hnsw"]);
  expect(unusable(uncalibrated)).toEqual(["hnsw"]);
  expect(unusable(binary(1_000))).toEqual([]);
  expect(unusable(binary(500), false)).toEqual([]);
});

test("a filtered search does not use a calibrated tail index without a filter depth", () => {
  const unusable = (accuracy: Accuracy) => {
    const indexes = [{ ...tail, plan: { ...tail.plan, accuracy } }];
    return [...unusableIndexes({ collection, version: "", indexes }, [], { isFiltered: true })];
  };
  expect(unusable(binary(0))).toEqual(["tail"]);
  expect(unusable(uncalibrated)).toEqual([]);
});

test("rows that are only fused do not count as missing from the index", () => {
  const hybrid: PlannedSearch = { ...search, mode: "hybrid" };
  expect(retryOf([hnsw, tail], [10, 100], { request: hybrid })).toBeUndefined();
  expect(retryOf([hnsw, tail], [9, 100], { request: hybrid })).toEqual({ ...first, excluded: [] });
});

test("an index that was short is excluded, and the one that shares its re-rank with the tail is read alone", () => {
  const three = [index("old", "vector", "bit"), hnsw, tail];
  expect(retryOf(three, [3, 3, 107])).toEqual({ ...first, excluded: ["old"] });
  const previous = { ...first, excluded: new Set(["old"]) };
  expect(retryOf(three, [3, 100], { previous })).toEqual({ ...first, excluded: ["old", "hnsw"] });
});

test("a grouped search reads more passages, then every row; if an index was short, it reads every row at once", () => {
  const grouped: PlannedSearch = { ...search, grouped: {} };
  const one = [index("one", "vector", "halfvec")];
  expect(retryOf(one, [50], { request: grouped, rows: { listed: 50 } })).toMatchObject({ step: "deeper" });
  const previous: Retry = { ...first, step: "deeper" };
  expect(retryOf(one, [500], { request: grouped, previous, rows: { listed: 500 } })).toMatchObject({
    step: "all",
  });
  expect(retryOf(one, [49], { request: grouped, rows: { listed: 49 } })).toMatchObject({ step: "all" });
  expect(retryOf(one, [50], { request: grouped, rows: { listed: 30 } })).toBeUndefined();
  expect(retryOf(one, [], { request: grouped, previous: { ...first, step: "all" } })).toBeUndefined();
});
