import { sql } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import { expect, test } from "vitest";
import type { Collection } from "../collection/collection.ts";
import type { Accuracy, IndexedRange } from "../index/indexed-range.ts";
import { LAST_SEGMENT } from "../index/segments.ts";
import { INDEX_DEFAULTS, TAIL_PLAN } from "../index/settings.ts";
import type { Depth } from "./depth.ts";
import type { NearestPlan, PlannedSearch, Retry } from "./plan.ts";
import { planIndexScan } from "./plan-branches.ts";
import { planSearch } from "./plan-search.ts";
import { indexSettings } from "./settings.ts";
import { vectorStatement } from "./vector.ts";

const ID = "00000000-0000-4000-8000-000000000000";
const collection = {
  tenantId: ID,
  id: ID,
  metric: "cosine",
  dimensions: 1_536,
  indexSettings: {},
} as unknown as Collection;

/** An index. Without an accuracy it is not calibrated. */
function indexOf(kind: "vector" | "tail", plan: Partial<IndexedRange["plan"]>): IndexedRange {
  const uncalibrated = plan.precision === "bit" ? "uncalibrated_binary" : "full";
  const accuracy: Accuracy = { kind: uncalibrated, isBinaryTooCoarse: false };
  return {
    name: kind,
    kind,
    first: 0,
    last: 0,
    plan: { ...INDEX_DEFAULTS, accuracy, ...plan },
    rows: 100_000,
  };
}

/** The part of a plan that a calibration of a binary index sets. */
const calibrated = (rerank: number, filterDepth = 0) =>
  ({
    precision: "bit",
    accuracy: { kind: "binary", rerank, filterDepth, isBinaryTooCoarse: false },
  }) as const;

function planOf(indexes: readonly IndexedRange[], search: Partial<PlannedSearch> = {}, retry?: Retry): NearestPlan {
  const target = { collection, version: "", indexes };
  const excluded: ReadonlySet<string> = retry?.excluded ?? new Set();
  const options = { list: "vector", excluded, retry } as const;
  return planSearch(target, { mode: "vector", topK: 10, ...search }, options) as NearestPlan;
}

/** Rows of an index that a search re-ranks, and its settings of the HNSW scan. */
function reranked(plan: Partial<IndexedRange["plan"]>, depth: Depth) {
  const index = indexOf("vector", plan);
  const settings = indexSettings([index], depth);
  return {
    rows: planIndexScan(index, depth).rerank,
    efSearch: settings["hnsw.ef_search"],
    maxScanned: Number(settings["hnsw.max_scan_tuples"]),
  };
}

test("half precision re-ranks a few more rows than are requested", () => {
  expect(reranked({ precision: "halfvec" }, { limit: 10 })).toMatchObject({ rows: 12, efSearch: 100 });
  expect(reranked({ precision: "halfvec" }, { limit: 100 })).toMatchObject({ rows: 110 });
  expect(reranked({ precision: "vector" }, { limit: 10 })).toMatchObject({ rows: 10, efSearch: 100 });
});

test("a binary index re-ranks as many rows as calibration measured, and more for many hits", () => {
  const binary = { ...calibrated(160, 2_000), efSearch: 200 };
  expect(reranked(binary, { limit: 10 })).toMatchObject({ rows: 160, efSearch: 200 });
  expect(reranked(binary, { limit: 40 })).toMatchObject({ rows: 400, efSearch: 400 });
  expect(reranked(binary, { limit: 1_000 })).toMatchObject({ rows: 4_000, efSearch: 1_000 });
  expect(reranked(binary, { limit: 1_000 }).maxScanned).toBeGreaterThanOrEqual(3_000);
});

test("a binary index re-ranks four times as many rows beyond the hits that it orders", () => {
  const rows = (filterDepth: number, limit: number) => reranked(calibrated(110, filterDepth), { limit }).rows;
  expect([rows(0, 10), rows(0, 11), rows(0, 100)]).toEqual([110, 440, 4_000]);
  expect([rows(250, 50), rows(250, 51)]).toEqual([500, 2_040]);
});

test("ef_search grows with the hits", () => {
  const efSearch = (limit: number) => reranked({ precision: "halfvec", efSearch: 350 }, { limit }).efSearch;
  expect([efSearch(5), efSearch(10), efSearch(30), efSearch(100), efSearch(1_000)]).toEqual([
    350, 350, 544, 880, 1_000,
  ]);
});

test("a filtered search reads twice its near rows, not beyond the filter depth", () => {
  const filteredScan = (plan: Partial<IndexedRange["plan"]>, { rows = 100_000, topK = 10 } = {}) => {
    const indexed = planOf([{ ...indexOf("vector", plan), rows }], { matches: sql`true`, topK });
    const [branch] = indexed.branches;
    return branch?.kind === "index" ? branch.scans[0] : undefined;
  };
  const halfvec = { precision: "halfvec" } as const;
  expect(filteredScan(halfvec)).toMatchObject({ required: 10, filtered: { near: 120, rows: 1_000 } });
  expect(filteredScan(halfvec, { topK: 100 })).toMatchObject({ required: 100, filtered: { near: 1_200, rows: 2_400 } });
  expect(filteredScan(halfvec, { rows: 1_600_000 })).toMatchObject({ filtered: { near: 480, rows: 1_000 } });
  expect(filteredScan(halfvec, { rows: 2_000 })).toMatchObject({ filtered: { near: 100, rows: 1_000 } });
  expect(filteredScan(calibrated(100, 2_000), { topK: 100 })).toMatchObject({ filtered: { near: 1_200, rows: 2_000 } });
  expect(filteredScan(calibrated(100, 1_000), { topK: 100 })).toMatchObject({ filtered: { near: 1_000, rows: 1_000 } });
});

test("rows that are only fused do not multiply the re-rank", () => {
  const binary = calibrated(110, 2_000);
  expect(reranked(binary, { limit: 50, exactHits: 10 })).toMatchObject({ rows: 110, efSearch: 110 });
  expect(reranked(binary, { limit: 150, exactHits: 10 })).toMatchObject({ rows: 150, efSearch: 150 });
});

test("the plan of a search carries the settings and the row counts of its indexes", () => {
  const plan = planOf([indexOf("vector", { precision: "halfvec" })]);
  expect(plan).toMatchObject({ kind: "nearest", limit: 10, settings: { "hnsw.ef_search": 100 } });
  expect(plan.branches).toMatchObject([
    { kind: "index", candidates: 12, rerank: 12, scans: [{ ordinal: 0, required: 10 }] },
    { kind: "exact", segments: [{ first: 1, last: LAST_SEGMENT }] },
  ]);
  const filtered = planOf([indexOf("vector", { precision: "halfvec" })], { matches: sql`true` });
  expect(filtered).toMatchObject({
    limit: 10,
    settings: { "hnsw.ef_search": 200 },
    branches: [{ scans: [{ required: 10 }] }, {}],
  });
});

test("settings of a collection take precedence over calibration", () => {
  const own = { ...collection, indexSettings: { efSearch: 333 } } as Collection;
  const options = { list: "vector", excluded: new Set<string>() } as const;
  for (const accuracy of [calibrated(160), { precision: "bit" as const }]) {
    const indexes = [indexOf("vector", { ...accuracy, efSearch: 200 })];
    const plan = planSearch({ collection: own, version: "", indexes }, { mode: "vector", topK: 10 }, options);
    expect(plan).toMatchObject({ settings: { "hnsw.ef_search": 333 }, branches: [{ rerank: 333 }, {}] });
  }
});

test("an HNSW index and a tail of the same precision share their re-rank, unless a filter can end the scan", () => {
  const branches = (precision: "bit" | "halfvec", search: Partial<PlannedSearch> = {}, retry?: Retry) => {
    const tail = { ...indexOf("tail", { ...TAIL_PLAN }), first: 1, last: LAST_SEGMENT };
    const plan = planOf([indexOf("vector", { precision }), tail], search, retry);
    const statement = vectorStatement(collection, plan, { vectors: Buffer.alloc(0), ...search });
    const lists = new PgDialect().sqlToQuery(statement).sql.match(/ORDER BY distance LIMIT/g)?.length;
    expect(lists).toBe(plan.branches.length); // each branch has its own re-rank
    return plan.branches.length;
  };
  expect(branches("bit")).toBe(1);
  expect(branches("bit", { matches: sql`true` })).toBe(2);
  expect(branches("bit", {}, { list: "vector", queries: [1], excluded: new Set() })).toBe(2);
  expect(branches("bit", { grouped: {} })).toBe(2);
  expect(branches("halfvec")).toBe(2);
});

test("rows without an index are compared one by one, if there can be any", () => {
  const comparesRest = (ranges: readonly (readonly [number, number])[]) => {
    const indexes = ranges.map(([first, last]) => ({
      ...indexOf("vector", { precision: "bit" }),
      first,
      last,
    }));
    const plan = planOf(indexes);
    const statement = vectorStatement(collection, plan, { vectors: Buffer.alloc(0) });
    const compares = new PgDialect().sqlToQuery(statement).sql.includes("NULL::int AS branch");
    expect(compares).toBe(plan.branches.some(({ kind }) => kind === "exact"));
    return compares;
  };
  expect(comparesRest([[0, 3]])).toBe(true);
  expect(
    comparesRest([
      [0, 3],
      [5, LAST_SEGMENT],
    ]),
  ).toBe(true);
  expect(
    comparesRest([
      [0, 3],
      [4, LAST_SEGMENT],
    ]),
  ).toBe(false);
});
