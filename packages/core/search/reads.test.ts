import { type SQL, sql } from "drizzle-orm";
import { expect, test } from "vitest";
import type { Collection } from "../collection/collection.ts";
import { INDEX_DEFAULTS, type Precision } from "../collection/index-settings.ts";
import type { HitRow } from "./hit.ts";
import { findShort, listReads, type Repeat, type RowSearch } from "./reads.ts";
import type { IndexedRange, IndexKind } from "./target.ts";
import { unableIndexes } from "./vector.ts";

const index = (name: string, kind: IndexKind, precision: Precision): IndexedRange => ({
  name,
  kind,
  first: 0,
  last: 0,
  plan: { ...INDEX_DEFAULTS, precision, depth: 1_000 },
  rows: 5_000,
});

const collection = { metric: "cosine", dimensions: 2, indexSettings: {} } as unknown as Collection;
const search: RowSearch = { mode: "vector", topK: 10, matches: undefined, texts: [""] };
const filtered = { ...search, matches: sql`true` };

/** What is asked again where the indexes gave so many rows; names of those that are left out of it. */
function again(
  indexes: readonly IndexedRange[],
  given: readonly number[],
  { asked = search, before }: { readonly asked?: RowSearch; readonly before?: Repeat } = {},
) {
  const target = { collection, version: "", indexes };
  const found = [[{ given }]] as unknown as readonly (readonly HitRow[])[];
  const repeat = findShort(target, { list: "vector", search: asked, before }, found);
  return repeat && { ...repeat, exactly: [...repeat.exactly] };
}

const first: Repeat = { list: "vector", queries: [1], exactly: new Set() };
const graph = index("graph", "vector", "bit");
const tail = index("tail", "tail", "bit");

test("what an index gave too few rows of is compared one by one", () => {
  const two = [index("one", "vector", "halfvec"), index("two", "vector", "halfvec")];
  expect(again(two, [10, 10])).toBeUndefined();
  expect(again(two, [10, 9])).toEqual({ ...first, exactly: ["two"] });
  expect(again([two[0], tail] as IndexedRange[], [9, 0])).toEqual({ ...first, exactly: ["one"] });
});

test("a graph that shares what is re-ranked with the tail is asked alone, then compared row by row", () => {
  const both = [graph, tail];
  expect(again(both, [10, 100])).toBeUndefined();
  expect(again(both, [110, 0])).toBeUndefined();
  expect(again(both, [3, 107])).toEqual({ ...first, exactly: [] });
  expect(again(both, [12, 100], { before: first })).toBeUndefined();
  expect(again(both, [3, 100], { before: first })).toEqual({ ...first, exactly: ["graph"] });
  expect(again(both, [100], { before: { ...first, exactly: new Set(["graph"]) } })).toBeUndefined();
});

test("with a filter each index gives its own from the first", () => {
  expect(again([graph, tail], [99, 100], { asked: filtered })).toEqual({ ...first, exactly: ["graph"] });
  expect(again([graph, tail], [100, 0], { asked: filtered })).toBeUndefined();
});

test("with a filter bits that do not order deep are not asked", () => {
  const asked = ({ depth }: { readonly depth?: number }, matches?: SQL) => [
    ...unableIndexes(
      { collection, version: "", indexes: [{ ...graph, plan: { ...graph.plan, depth } }] },
      [],
      matches,
    ),
  ];
  expect(asked({ depth: 500 }, sql`true`)).toEqual(["graph"]);
  expect(asked({}, sql`true`)).toEqual(["graph"]);
  expect(asked({ depth: 1_000 }, sql`true`)).toEqual([]);
  expect(asked({ depth: 500 })).toEqual([]);
});

test("nor are those of a tail, where the graph beside it holds bits as well", () => {
  const asked = (reranked?: number) => {
    const beside = { ...tail, plan: { ...tail.plan, depth: undefined, reranked } };
    return [...unableIndexes({ collection, version: "", indexes: [beside] }, [], sql`true`)];
  };
  expect(asked(100)).toEqual(["tail"]);
  expect(asked()).toEqual([]);
});

test("of what is there to be fused the tail may leave the graph little", () => {
  const hybrid: RowSearch = { ...search, mode: "hybrid" };
  expect(again([graph, tail], [10, 100], { asked: hybrid })).toBeUndefined();
  expect(again([graph, tail], [9, 100], { asked: hybrid })).toEqual({ ...first, exactly: [] });
});

test("of several graphs one that came up short is left out, and the one beside the tail is asked alone meanwhile", () => {
  const three = [index("old", "vector", "bit"), graph, tail];
  expect(again(three, [3, 3, 107])).toEqual({ ...first, exactly: ["old"] });
  const before = { ...first, exactly: new Set(["old"]) };
  expect(again(three, [3, 100], { before })).toEqual({ ...first, exactly: ["old", "graph"] });
});

test("a search that differs from the last by its vector alone takes the same statement, and no other does", () => {
  const known = { ...collection, tenantId: crypto.randomUUID(), id: crypto.randomUUID() };
  const target = { collection: known, version: "", indexes: [graph] };
  const made = (asked: Partial<RowSearch> = {}) => {
    const embeddings = [Float32Array.of(Math.random(), 1)];
    return listReads(target, { ...search, embeddings, ...asked })[0]?.statement;
  };
  const statement = made();
  expect(made()).toBe(statement);
  for (const other of [{ topK: 11 }, { matches: sql`true` }, { mode: "hybrid" as const }])
    expect(made(other)).not.toBe(statement);
  expect(listReads({ ...target }, { ...search, embeddings: [] })[0]?.statement).not.toBe(statement);
});
