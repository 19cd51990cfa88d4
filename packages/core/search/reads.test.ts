import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { INDEX_DEFAULTS } from "../index/settings.ts";
import { planReads, type RowSearch } from "./reads.ts";

const database = { identity: {} } as Database;
const index: IndexedRange = {
  name: "index",
  kind: "vector",
  first: 0,
  last: 0,
  plan: {
    ...INDEX_DEFAULTS,
    precision: "bit",
    accuracy: { kind: "uncalibrated_binary", isBinaryTooCoarse: false },
  },
  rows: 5_000,
};

test("a search that differs from the last one only by its vector uses the same statement, and no other does", () => {
  const ids = { tenantId: crypto.randomUUID(), id: crypto.randomUUID() };
  const collection = { metric: "cosine", dimensions: 2, indexSettings: {}, ...ids } as unknown as Collection;
  const target = { collection, version: "", indexes: [index] };
  const search: RowSearch = { mode: "vector", topK: 10, texts: [""] };
  const statementOf = (changes: Partial<RowSearch> = {}) => {
    const embeddings = [Float32Array.of(Math.random(), 1)];
    return planReads(database, target, { ...search, embeddings, ...changes })[0]?.statement;
  };
  const statement = statementOf();
  expect(statementOf()).toBe(statement);
  for (const other of [{ topK: 11 }, { matches: sql`true` }, { mode: "hybrid" as const }])
    expect(statementOf(other)).not.toBe(statement);
  const renewed = planReads(database, { ...target }, { ...search, embeddings: [] });
  expect(renewed[0]?.statement).not.toBe(statement);
});
