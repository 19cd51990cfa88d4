import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import type { Collection } from "../collection/collection.ts";
import { INDEX_DEFAULTS, type Precision } from "../collection/index-settings.ts";
import type { IndexedRange, IndexKind } from "../index/indexed-range.ts";
import type { HitRow } from "./hit.ts";
import { type PlannedSearch, planSearch, type Retry } from "./plan.ts";
import { planRetry } from "./retry.ts";
import { unusableIndexes } from "./unusable.ts";

const index = (name: string, kind: IndexKind, precision: Precision): IndexedRange => ({
  name,
  kind,
  first: 0,
  last: 0,
  plan: { ...INDEX_DEFAULTS, precision, depth: 1_000 },
  rows: 5_000,
});

const collection = { metric: "cosine", dimensions: 2, indexSettings: {} } as unknown as Collection;
const search: PlannedSearch = { mode: "vector", topK: 10 };
const filtered = { ...search, matches: sql`true` };

interface Asked {
  readonly asked?: PlannedSearch;
  readonly before?: Retry;
  readonly rows?: Partial<HitRow>;
}

/** What is done again where the indexes returned so many rows. */
function again(
  indexes: readonly IndexedRange[],
  counts: readonly number[],
  { asked = search, before, rows = {} }: Asked = {},
) {
  const target = { collection, version: "", indexes };
  const excluded = unusableIndexes(target, [], { isFiltered: asked.matches !== undefined });
  const plan = planSearch(target, asked, { list: "vector", excluded, retry: before });
  const retry = planRetry(plan, asked, [[{ counts, ...rows } as HitRow]]);
  return retry && { ...retry, excluded: [...retry.excluded] };
}

const first: Retry = { list: "vector", queries: [1], excluded: new Set() };
const graph = index("graph", "vector", "bit");
const tail = index("tail", "tail", "bit");

test("an index that returned too few rows is compared row by row", () => {
  const two = [index("one", "vector", "halfvec"), index("two", "vector", "halfvec")];
  expect(again(two, [10, 10])).toBeUndefined();
  expect(again(two, [10, 9])).toEqual({ ...first, excluded: ["two"] });
  expect(again([two[0], tail] as IndexedRange[], [9, 0])).toEqual({ ...first, excluded: ["one"] });
});

test("an index whose pre-filter answered is complete with no row of its own", () => {
  const one = [index("one", "vector", "halfvec")];
  expect(again(one, [0], { asked: filtered })).toEqual({ ...first, excluded: ["one"] });
  expect(again(one, [0], { asked: filtered, rows: { prefiltered: [0] } })).toBeUndefined();
  expect(again(one, [0], { asked: filtered, rows: { prefiltered: [] } })).toBeDefined();
});

test("an index that shares its re-rank with the tail is read alone, then compared row by row", () => {
  const both = [graph, tail];
  expect(again(both, [10, 100])).toBeUndefined();
  expect(again(both, [110, 0])).toBeUndefined();
  expect(again(both, [3, 107])).toEqual({ ...first, excluded: [] });
  expect(again(both, [12, 100], { before: first })).toBeUndefined();
  expect(again(both, [3, 100], { before: first })).toEqual({ ...first, excluded: ["graph"] });
  const before = { ...first, excluded: new Set(["graph"]) };
  expect(again(both, [100], { before })).toBeUndefined();
});

test("with a filter each index returns its own rows from the first", () => {
  expect(again([graph, tail], [99, 100], { asked: filtered })).toEqual({ ...first, excluded: ["graph"] });
  expect(again([graph, tail], [100, 0], { asked: filtered })).toBeUndefined();
});

test("a filtered search does not use a binary index whose order is trusted for few rows only", () => {
  const unusable = ({ depth }: { readonly depth?: number }, isFiltered = true) => [
    ...unusableIndexes(
      { collection, version: "", indexes: [{ ...graph, plan: { ...graph.plan, depth } }] },
      [],
      { isFiltered },
    ),
  ];
  expect(unusable({ depth: 500 })).toEqual(["graph"]);
  expect(unusable({})).toEqual(["graph"]);
  expect(unusable({ depth: 1_000 })).toEqual([]);
  expect(unusable({ depth: 500 }, false)).toEqual([]);
});

test("nor the tail's, where the index next to it is binary as well", () => {
  const unusable = (reranked?: number) => {
    const binary = { ...tail, plan: { ...tail.plan, depth: undefined, reranked } };
    return [...unusableIndexes({ collection, version: "", indexes: [binary] }, [], { isFiltered: true })];
  };
  expect(unusable(100)).toEqual(["tail"]);
  expect(unusable()).toEqual([]);
});

test("of rows that are only fused the tail may leave the index few", () => {
  const hybrid: PlannedSearch = { ...search, mode: "hybrid" };
  expect(again([graph, tail], [10, 100], { asked: hybrid })).toBeUndefined();
  expect(again([graph, tail], [9, 100], { asked: hybrid })).toEqual({ ...first, excluded: [] });
});

test("of several indexes one that was short is excluded, and the one next to the tail is read alone meanwhile", () => {
  const three = [index("old", "vector", "bit"), graph, tail];
  expect(again(three, [3, 3, 107])).toEqual({ ...first, excluded: ["old"] });
  const before = { ...first, excluded: new Set(["old"]) };
  expect(again(three, [3, 100], { before })).toEqual({ ...first, excluded: ["old", "graph"] });
});

test("hits grouped by document read deeper, then every row; an index that was short goes to every row at once", () => {
  const grouped: PlannedSearch = { ...search, grouped: {} };
  const one = [index("one", "vector", "halfvec")];
  expect(again(one, [50], { asked: grouped, rows: { listed: 50 } })).toMatchObject({ step: "deeper" });
  const before: Retry = { ...first, step: "deeper" };
  expect(again(one, [500], { asked: grouped, before, rows: { listed: 500 } })).toMatchObject({ step: "all" });
  expect(again(one, [49], { asked: grouped, rows: { listed: 49 } })).toMatchObject({ step: "all" });
  expect(again(one, [50], { asked: grouped, rows: { listed: 30 } })).toBeUndefined();
  expect(again(one, [], { asked: grouped, before: { ...first, step: "all" } })).toBeUndefined();
});
