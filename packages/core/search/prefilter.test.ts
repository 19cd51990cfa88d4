import { PgDialect } from "drizzle-orm/pg-core";
import { beforeAll, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { ingest } from "../document/ingest.ts";
import { searchFilter } from "../filter/input.ts";
import { maintainIndexes } from "../maintenance/indexes.ts";
import { explainSearch } from "./explain.ts";
import type { Retry } from "./plan.ts";
import { query, queryMany } from "./query.ts";
import { cachedTarget, findTarget } from "./read-target.ts";
import { planReads } from "./reads.ts";
import type { SearchTarget } from "./target.ts";

// Points on an arc, each with its number, so that the expected hits can be computed without a search.

const ROWS = 2_000;
const point = (n: number) => Float32Array.of(Math.cos(n / 1_300), Math.sin(n / 1_300));
const document = (n: number) => ({
  id: `d${n}`,
  content: `passage ${n}`,
  metadata: { half: n % 2, hundredth: n % 100, tags: n % 500 === 3 ? ["rare", "x"] : ["x"] },
  embedding: point(n),
});

const own = useTestDatabase();
const { services } = own;
const tenantId = useTenant(own);
beforeAll(async () => {
  await createCollection(own.database, tenantId, { embeddingModel: null, dimensions: 2, metric: "l2" });
  await write(0, ROWS);
  await maintainIndexes(own.database, { tenantId });
});

async function write(from: number, to: number) {
  const documents = Array.from({ length: to - from }, (_, n) => document(from + n));
  await ingest(services, tenantId, { documents });
}

/** The ids of the matching rows that are nearest to a row's point. */
function nearest(n: number, passes: (n: number) => boolean, rows = ROWS, topK = 10): readonly string[] {
  return Array.from({ length: rows }, (_, at) => at)
    .filter(passes)
    .toSorted((a, b) => Math.abs(a - n) - Math.abs(b - n))
    .slice(0, topK)
    .map((at) => `d${at}`);
}

const search = async (n: number, filter: unknown) =>
  (await query(services, tenantId, { embedding: point(n + 0.3), filter })).map(({ id }) => id);

function statementOf(target: SearchTarget, filter: unknown, retry?: Retry): string {
  const search = {
    mode: "vector",
    topK: 10,
    texts: [""],
    embeddings: [point(1)],
    ...searchFilter({ filter }),
  } as const;
  const [read] = planReads(own.database, target, search, retry);
  if (!read) throw new Error("A search by vector has a statement.");
  return new PgDialect().sqlToQuery(read.statement).sql;
}

test("a filter that few rows match is answered by the metadata index, with the right rows", async () => {
  for (const n of [5, 700, 1_990]) {
    expect(await search(n, { hundredth: 7 })).toEqual(nearest(n + 0.3, (at) => at % 100 === 7));
    const among = { $and: [{ hundredth: { $in: [7, 8] } }, { half: 1 }] };
    expect(await search(n, among)).toEqual(nearest(n + 0.3, (at) => at % 100 === 7));
    expect(await search(n, { hundredth: { $gt: 98 } })).toEqual(nearest(n + 0.3, (at) => at % 100 === 99));
    const range = { $and: [{ hundredth: { $gte: 7 } }, { hundredth: { $lt: 9 } }] };
    expect(await search(n, range)).toEqual(nearest(n + 0.3, (at) => at % 100 === 7 || at % 100 === 8));
    expect(await search(n, { tags: { $contains: "rare" } })).toEqual(nearest(n + 0.3, (at) => at % 500 === 3));
    expect(await search(n, { $and: [{ hundredth: 7 }, { half: 0 }] })).toEqual([]);
  }
  const queries = [5, 1_990].map((n) => ({ embedding: point(n + 0.3) }));
  const many = await queryMany(services, tenantId, { queries, filter: { hundredth: 7 } });
  expect(many.map((hits) => hits.map(({ id }) => id))).toEqual(
    [5, 1_990].map((n) => nearest(n + 0.3, (at) => at % 100 === 7)),
  );
});

/** The plan of Postgres for a filtered search. */
async function planOf(filter: unknown): Promise<string> {
  const { steps } = await explainSearch(services, tenantId, { embedding: point(1), filter, analyze: true });
  return steps.flatMap(({ plan }) => plan).join("\n");
}

const VECTOR_INDEX_USED = /Index Scan using vector_\w+ on \w+[^\n]*actual/;

test("the vector index is used if many rows match, and the next search does not count them again", async () => {
  expect(await planOf({ hundredth: 7 })).toMatch(/Index Scan using vector_\w+ on [^\n]*never executed/);
  expect(await planOf({ half: 1 })).toMatch(VECTOR_INDEX_USED);
  expect(await planOf({ half: 1 })).toMatch(/CTE matching_0/);
  const many = { $and: [{ half: 1 }, { tags: { $contains: "x" } }] };
  expect(await search(700, many)).toEqual(nearest(700.3, (at) => at % 2 === 1));
  const target = await cachedTarget(own.database, tenantId, undefined);
  expect(statementOf(target, many)).not.toMatch(/filtered_rows/);
  expect(statementOf(target, { hundredth: 7 })).toMatch(/filtered_rows/);
  expect(await search(5, many)).toEqual(nearest(5.3, (at) => at % 2 === 1));
});

test("if the vector index is short, the rows of the metadata index are compared, or all rows if those are many", async () => {
  const hundredths = Array.from({ length: 20 }, (_, n) => n); // 400 of 2,000 rows: over the pre-filter limit of the vector index, under a quarter
  const cases = [
    [{ $and: [{ hundredth: { $in: hundredths } }, { hundredth: { $lt: 1 } }] }, (at: number) => at % 100 === 0],
    [{ $and: [{ half: 1 }, { hundredth: { $lt: 2 } }] }, (at: number) => at % 100 === 1],
  ] as const;
  for (const [filter, passes] of cases)
    for (const n of [5, 700]) expect(await search(n, filter)).toEqual(nearest(n + 0.3, passes));
  const target = await cachedTarget(own.database, tenantId, undefined);
  const excluded = new Set(target.indexes.map(({ name }) => name));
  const statement = statementOf(target, cases[0][0], { list: "vector", queries: [1], excluded });
  expect(statement).toMatch(/filtered_rows/);
  expect(statement).not.toMatch(/ORDER BY distance/);
});

test("a filter also finds rows after the indexes and rows of a second index", async () => {
  await write(ROWS, ROWS + 300);
  const passes = (at: number) => at % 100 === 7;
  expect(await search(2_010, { hundredth: 7 })).toEqual(nearest(2_010.3, passes, ROWS + 300));
  await write(ROWS + 300, 2 * ROWS);
  await maintainIndexes(own.database, { tenantId, maxRows: ROWS + 500 });
  const { indexes } = await findTarget(own.database, tenantId);
  expect(indexes.filter(({ kind }) => kind === "keyword")).toHaveLength(2);
  expect(await search(2_010, { hundredth: 7 })).toEqual(nearest(2_010.3, passes, 2 * ROWS));
});
