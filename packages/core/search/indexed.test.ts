import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import {
  createRandomCollection,
  type RandomCollectionOptions,
  randomDocuments,
  randomVector,
} from "../../../test/support/random-documents.ts";
import { createCollection } from "../collection/create.ts";
import type { JsonObject } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { encodeVectorArray } from "../database/vector.ts";
import { deleteDocuments } from "../document/delete.ts";
import { ingest } from "../document/ingest.ts";
import { maintainIndexes } from "../maintenance/indexes.ts";
import { explainSearch } from "./explain.ts";
import { query, queryMany } from "./query.ts";
import { findTarget } from "./read-target.ts";

const own = useTestDatabase();
const { services } = own;
const tenantId = useTenant(own);

const collectionOf = (name: string, options: RandomCollectionOptions = {}) =>
  createRandomCollection(own, tenantId, { name, ...options });

/** The plan of Postgres for the statement that a search sends. */
async function explain(name: string, embedding: Float32Array): Promise<string> {
  const { steps } = await explainSearch(services, tenantId, { collection: name, embedding });
  return steps.flatMap(({ plan }) => plan).join("\n");
}

async function exactIds(name: string, embedding: Float32Array, operator: string, condition = sql`true`) {
  const { collection } = await findTarget(own.database, tenantId, name);
  const { vector: type } = await own.database.vectorTypes();
  return asTenant(own.database, tenantId, async ({ orm, set }) => {
    await set({ enable_indexscan: "off" });
    const rows = await selectRows<{ id: string }>(
      orm,
      sql`SELECT id FROM cairn.documents, unnest(${encodeVectorArray([embedding], type)}::vector[]) AS v
          WHERE collection_id = ${collection.id}::uuid AND ${condition}
          ORDER BY embedding ${sql.raw(operator)} v LIMIT 10`,
    );
    return rows.map(({ id }) => id);
  });
}

async function recall(name: string, { operator = "<=>", dimensions = 8, filtered = false, isExact = false } = {}) {
  let found = 0;
  for (let round = 0; round < 20; round++) {
    const embedding = randomVector(dimensions);
    const filter = filtered ? { rare: true } : undefined;
    const hits = await query(services, tenantId, { collection: name, embedding, filter, exact: isExact });
    expect(hits).toHaveLength(10);
    const condition = filtered ? sql`metadata @> '{"rare": true}'` : sql`true`;
    const exact = new Set(await exactIds(name, embedding, operator, condition));
    found += hits.filter(({ id }) => exact.has(id)).length;
  }
  return found / 200;
}

const OPERATORS = { cosine: "<=>", l2: "<->", ip: "<#>" } as const;

test("a collection under its threshold is searched exactly, and one over it through its own index", async () => {
  await collectionOf("grown", { count: 999 });
  expect((await maintainIndexes(own.database, { tenantId, collection: "grown" }))?.done).toEqual([]);
  expect(await explain("grown", randomVector(8))).not.toMatch(/using vector_/);
  await ingest(services, tenantId, { collection: "grown", documents: randomDocuments(1, 8, "last") });
  const report = await maintainIndexes(own.database, { tenantId, collection: "grown" });
  expect(report?.done).toMatchObject([{ action: "build", rows: 1_000 }]);
  const plan = await explain("grown", randomVector(8));
  expect(plan).toMatch(/Index Scan using vector_\w+ on documents_\d\d/);
  expect(plan).toMatch(/documents_\d\d_tenant_id_collection_id_segment_idx/); // the tail, by its segment
  expect(plan).not.toMatch(/Seq Scan/);
  expect((await maintainIndexes(own.database, { tenantId, collection: "grown" }))?.done).toEqual([]);
});

test("rows that are written or edited after an index build are found at once", async () => {
  await collectionOf("live", {});
  await maintainIndexes(own.database, { tenantId, collection: "live" });
  const embedding = randomVector(8);
  const first = async () => (await query(services, tenantId, { collection: "live", embedding }))[0];
  await ingest(services, tenantId, {
    collection: "live",
    documents: [{ id: "new", content: "new", embedding }],
  });
  expect(await first()).toMatchObject({ id: "new", distance: expect.closeTo(0, 5) });
  const moved = embedding.map((element) => -element);
  await ingest(services, tenantId, {
    collection: "live",
    documents: [
      { id: "new", content: "moved away", embedding: moved },
      { id: "d3", content: "moved here", embedding },
    ],
  });
  expect(await first()).toMatchObject({ id: "d3", content: "moved here" });
  expect(await recall("live")).toBeGreaterThanOrEqual(0.99);
});

describe.each(["cosine", "l2", "ip"] as const)("with the metric %s", (metric) => {
  test.each([
    ["halfvec", {}],
    ["vector", { precision: "vector" }],
    ["ivfflat", { type: "ivfflat", probes: 10 }],
    ...(metric === "cosine" ? [["bit", { precision: "bit" }] as const] : []),
  ] as const)("an index of kind %s finds the ten nearest, also with a selective filter", async (kind, settings) => {
    const dimensions = kind === "bit" ? 64 : 8;
    const name = `${metric} ${kind}`;
    await collectionOf(name, { metric, dimensions, indexSettings: { ...settings, efSearch: 400 } });
    expect((await maintainIndexes(own.database, { tenantId, collection: name }))?.done).toHaveLength(1);
    expect(await explain(name, randomVector(dimensions))).toMatch(/using vector_/);
    const options = { dimensions, operator: OPERATORS[metric] };
    expect(await recall(name, options)).toBeGreaterThanOrEqual(kind === "bit" ? 0.75 : 0.99);
    expect(await recall(name, { ...options, filtered: true })).toBeGreaterThanOrEqual(kind === "bit" ? 0.75 : 0.99);
  });
});

test("an exact search finds the true nearest rows where an index does not", async () => {
  await collectionOf("coarse", { indexSettings: { type: "ivfflat", probes: 1 } });
  await maintainIndexes(own.database, { tenantId, collection: "coarse" });
  expect(await recall("coarse")).toBeLessThan(0.99);
  expect(await recall("coarse", { isExact: true })).toBe(1);
  expect(await recall("coarse", { isExact: true, filtered: true })).toBe(1);
  expect(await recall("coarse")).toBeLessThan(0.99);
});

test("an index is half-precision over 2,000 dimensions and binary-quantized over 4,000, whatever is requested", async () => {
  for (const [dimensions, expected] of [
    [2_001, "halfvec"],
    [4_001, "bit"],
  ] as const) {
    const name = `wide ${dimensions}`;
    await collectionOf(name, {
      count: 40,
      dimensions,
      indexSettings: { precision: "vector", threshold: 40 },
    });
    expect((await maintainIndexes(own.database, { tenantId, collection: name }))?.done).toHaveLength(1);
    const { indexes } = await findTarget(own.database, tenantId, name);
    expect(indexes.find(({ kind }) => kind === "vector")?.plan.precision).toBe(expected);
    const hits = await query(services, tenantId, {
      collection: name,
      embedding: randomVector(dimensions),
      topK: 40,
    });
    expect(hits).toHaveLength(40);
  }
});

test("a search returns all matching rows of a selective filter, and a topK beyond the candidates of the index", async () => {
  await collectionOf("rare", { count: 3_000 });
  await maintainIndexes(own.database, { tenantId, collection: "rare" });
  const options = { collection: "rare", embedding: randomVector(8) };
  const three = await query(services, tenantId, { ...options, filter: { n: { $in: [5, 1_500, 2_999] } } });
  expect(three.map(({ metadata }) => metadata.n).sort()).toEqual([1_500, 2_999, 5]);
  expect(await query(services, tenantId, { ...options, topK: 1_000 })).toHaveLength(1_000);
  expect(await query(services, tenantId, { ...options, filter: { n: { $gte: 2_000 } }, topK: 1_000 })).toHaveLength(
    1_000,
  );
  expect(await query(services, tenantId, { ...options, filter: { n: -1 } })).toEqual([]);
});

test.each([
  ["a filter that only far rows match", { isRare: true }, undefined],
  ["deleted rows that are still in the index", undefined, { near: true }],
])("%s: later rows do not hide rows of the index", async (name, filter, deleted) => {
  const at = (angle: number) => new Float32Array([Math.cos(angle), Math.sin(angle)]);
  const rows = (count: number, prefix: string, from: number, metadata: JsonObject) =>
    Array.from({ length: count }, (_, n) => ({
      id: `${prefix}${n}`,
      content: "",
      metadata,
      embedding: at(from + n / 100_000),
    }));
  const write = (documents: ReturnType<typeof rows>) => ingest(services, tenantId, { collection: name, documents });
  await createCollection(own.database, tenantId, { name, embeddingModel: null, dimensions: 2 });
  await write([...rows(4_000, "near", 0, { near: true }), ...rows(40, "held", 1, { isRare: true })]);
  await maintainIndexes(own.database, { tenantId, collection: name });
  await write(rows(40, "tail", 2, { isRare: true }));
  if (deleted) await deleteDocuments(own.database, tenantId, { collection: name, filter: deleted });
  const hits = await query(services, tenantId, { collection: name, embedding: at(0), filter });
  expect(hits.map(({ id }) => id)).toEqual(Array.from({ length: 10 }, (_, n) => `held${n}`));
});

test("a query beyond half precision is answered exactly", async () => {
  await collectionOf("loud", { metric: "l2" });
  await maintainIndexes(own.database, { tenantId, collection: "loud" });
  const embedding = new Float32Array(8).fill(70_000);
  const hits = await query(services, tenantId, { collection: "loud", embedding });
  expect(hits).toHaveLength(10);
});

test("queryMany() returns the hits of query() for each query, in order", async () => {
  await collectionOf("many", {});
  await maintainIndexes(own.database, { tenantId, collection: "many" });
  const queries = Array.from({ length: 100 }, () => ({ embedding: randomVector(8) }));
  const many = await queryMany(services, tenantId, { collection: "many", queries, topK: 3 });
  for (const [index, { embedding }] of queries.entries())
    expect(many[index]).toEqual(await query(services, tenantId, { collection: "many", embedding, topK: 3 }));
  await expect(queryMany(services, tenantId, { collection: "many", queries: [] })).rejects.toMatchObject({
    code: "invalid_input",
    path: "queries",
  });
});

test("a search reads a cached collection again after it is renamed or replaced", async () => {
  const search = (dimensions: number) =>
    query(services, tenantId, { collection: "fickle", embedding: randomVector(dimensions) });
  await expect(search(8)).rejects.toMatchObject({ code: "not_found" });
  const old = await collectionOf("fickle", { count: 5 });
  expect(await search(8)).toHaveLength(5);
  await asTenant(own.database, tenantId, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.collections SET name = 'retired' WHERE id = ${old.id}::uuid`),
  );
  await expect(search(8)).rejects.toMatchObject({ code: "not_found" });
  await collectionOf("fickle", { count: 7, dimensions: 4 });
  expect(await search(4)).toHaveLength(7);
  await expect(search(8)).rejects.toMatchObject({ code: "dimension_mismatch" });
});
