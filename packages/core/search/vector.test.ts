import { sql } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import { expect, test } from "vitest";
import type { Collection } from "../collection/collection.ts";
import { INDEX_DEFAULTS, TAIL_PLAN } from "../collection/index-settings.ts";
import type { Depth } from "./candidates.ts";
import { type IndexedRange, LAST_SEGMENT } from "./target.ts";
import { vectorSettings, vectorStatement } from "./vector.ts";

const ID = "00000000-0000-4000-8000-000000000000";
const collection = { tenantId: ID, id: ID, metric: "cosine", dimensions: 1_536 } as Collection;

function indexOf(kind: "vector" | "tail", plan: Partial<IndexedRange["plan"]>): IndexedRange {
  return { name: kind, kind, first: 0, last: 0, plan: { ...INDEX_DEFAULTS, ...plan }, rows: 100_000 };
}

/** Rows of an index that a search re-ranks, and the candidates that its graph is asked for. */
function reranked(plan: Partial<IndexedRange["plan"]>, depth: Depth) {
  const index = indexOf("vector", plan);
  const indexed = { kind: "index", indexes: [index] } as const;
  const target = { collection, version: "", indexes: [index] };
  const statement = vectorStatement(target, indexed, { ...depth, vectors: Buffer.alloc(0) });
  const settings = vectorSettings(indexed, depth);
  const [rows] = new PgDialect()
    .sqlToQuery(statement)
    .params.filter((param) => typeof param === "number") as number[];
  return {
    rows,
    efSearch: settings["hnsw.ef_search"],
    maxScanned: Number(settings["hnsw.max_scan_tuples"]),
  };
}

test("of 16-bit floats a few more are re-ranked than are asked for", () => {
  expect(reranked({ precision: "halfvec" }, { topK: 10 })).toMatchObject({ rows: 12, efSearch: 100 });
  expect(reranked({ precision: "halfvec" }, { topK: 100 })).toMatchObject({ rows: 110, efSearch: 110 });
  expect(reranked({ precision: "vector" }, { topK: 10 })).toMatchObject({ rows: 10, efSearch: 100 });
});

test("of bits as many as the build found to be needed, and more for many hits", () => {
  const bits = { precision: "bit", efSearch: 200, reranked: 160 } as const;
  expect(reranked(bits, { topK: 10 })).toMatchObject({ rows: 160, efSearch: 200 });
  expect(reranked(bits, { topK: 40 })).toMatchObject({ rows: 400, efSearch: 400 });
  expect(reranked(bits, { topK: 1_000 })).toMatchObject({ rows: 3_000, efSearch: 1_000 });
  expect(reranked(bits, { topK: 1_000 }).maxScanned).toBeGreaterThanOrEqual(3_000);
});

test("a filter takes a scan by bits no deeper than the build found them to order well", () => {
  const maxScanned = (plan: Partial<IndexedRange["plan"]>) => reranked(plan, { topK: 10 }).maxScanned;
  expect(maxScanned({ precision: "halfvec" })).toBe(7_500);
  expect(maxScanned({ precision: "bit", depth: 2_000 })).toBe(2_000);
  expect(maxScanned({ precision: "bit", depth: 20_000 })).toBe(7_500);
  expect(maxScanned({ precision: "bit" })).toBe(1_000);
});

test("what is there to be fused, or to tell how far a filter's scan came, is not re-ranked ten times over", () => {
  const bits = { precision: "bit", reranked: 110 } as const;
  expect(reranked(bits, { topK: 50, shown: 10 })).toMatchObject({ rows: 110, efSearch: 110 });
  expect(reranked(bits, { topK: 150, shown: 10 })).toMatchObject({ rows: 150, efSearch: 150 });
});

test("a graph and a tail of the same precision share what is re-ranked, unless a filter may stop the graph's scan", () => {
  const lists = (precision: "bit" | "halfvec", asked: object = {}) => {
    const indexes = [indexOf("vector", { precision }), indexOf("tail", { ...TAIL_PLAN })];
    const search = { vectors: Buffer.alloc(0), topK: 10, ...asked };
    const statement = vectorStatement(
      { collection, version: "", indexes },
      { kind: "index", indexes },
      search,
    );
    return new PgDialect().sqlToQuery(statement).sql.match(/ORDER BY away LIMIT/g)?.length;
  };
  expect(lists("bit")).toBe(1);
  expect(lists("bit", { matches: sql`true` })).toBe(2);
  expect(lists("bit", { apart: true })).toBe(2);
  expect(lists("halfvec")).toBe(2);
});

test("rows that no index holds are compared one by one, where there can be any", () => {
  const compared = (ranges: readonly (readonly [number, number])[]) => {
    const indexes = ranges.map(([first, last]) => ({
      ...indexOf("vector", { precision: "bit" }),
      first,
      last,
    }));
    const search = { vectors: Buffer.alloc(0), topK: 10 };
    const statement = vectorStatement(
      { collection, version: "", indexes },
      { kind: "index", indexes },
      search,
    );
    return new PgDialect().sqlToQuery(statement).sql.includes("NULL::int AS branch");
  };
  expect(compared([[0, 3]])).toBe(true);
  expect(
    compared([
      [0, 3],
      [5, LAST_SEGMENT],
    ]),
  ).toBe(true);
  expect(
    compared([
      [0, 3],
      [4, LAST_SEGMENT],
    ]),
  ).toBe(false);
});
