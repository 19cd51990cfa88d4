import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import type { IndexSettings } from "../database/collection-settings.ts";
import type { JsonObject } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { encodeVectorArray } from "../database/vector.ts";
import { deleteDocuments } from "../document/delete.ts";
import { ingest } from "../document/ingest.ts";
import type { Metric } from "../index/metric.ts";
import { maintainIndexes } from "../maintenance/indexes.ts";
import { explainSearch } from "./explain.ts";
import { query, queryMany } from "./query.ts";
import { findTarget } from "./read-target.ts";

const own = useTestDatabase();
const { services } = own;
const tenantId = useTenant(own);

let state = 1;
/** mulberry32 */
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
const vector = (dimensions: number) => Float32Array.from({ length: dimensions }, () => random() * 2 - 1);

const WORDS = ["return", "refund", "parcel", "warranty", "invoice", "repair", "shipping", "order"];

function documents(count: number, dimensions: number, prefix = "d") {
  return Array.from({ length: count }, (_, n) => ({
    id: `${prefix}${n}`,
    content: `${WORDS[n % 8]} ${WORDS[(n >> 3) % 8]} passage ${n}`,
    metadata: { n, rare: n % 100 === 7 },
    embedding: vector(dimensions),
  }));
}

async function collectionOf(
  name: string,
  { count = 1_500, dimensions = 8, metric = "cosine" as Metric, indexSettings = {} as IndexSettings },
) {
  const collection = await createCollection(own.database, tenantId, {
    name,
    metric,
    dimensions,
    embeddingModel: "offline/words",
    indexSettings,
  });
  await ingest(services, tenantId, { collection: name, documents: documents(count, dimensions) });
  return collection;
}

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

async function recall(name: string, { operator = "<=>", dimensions = 8, filtered = false } = {}) {
  let found = 0;
  for (let round = 0; round < 20; round++) {
    const embedding = vector(dimensions);
    const filter = filtered ? { rare: true } : undefined;
    const hits = await query(services, tenantId, { collection: name, embedding, filter });
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
  expect(await explain("grown", vector(8))).not.toMatch(/using vector_/);
  await ingest(services, tenantId, { collection: "grown", documents: documents(1, 8, "last") });
  const report = await maintainIndexes(own.database, { tenantId, collection: "grown" });
  expect(report?.done).toMatchObject([{ action: "build", rows: 1_000 }]);
  const plan = await explain("grown", vector(8));
  expect(plan).toMatch(/Index Scan using vector_\w+ on documents_\d\d/);
  expect(plan).toMatch(/documents_\d\d_tenant_id_collection_id_segment_idx/); // the tail, by its segment
  expect(plan).not.toMatch(/Seq Scan/);
  expect((await maintainIndexes(own.database, { tenantId, collection: "grown" }))?.done).toEqual([]);
});

test("rows that are written or edited after an index build are found at once", async () => {
  await collectionOf("live", {});
  await maintainIndexes(own.database, { tenantId, collection: "live" });
  const embedding = vector(8);
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
  ] as const)(
    "an index of kind %s finds the ten nearest, also with a selective filter",
    async (kind, settings) => {
      const dimensions = kind === "bit" ? 64 : 8;
      const name = `${metric} ${kind}`;
      await collectionOf(name, { metric, dimensions, indexSettings: { ...settings, efSearch: 400 } });
      expect((await maintainIndexes(own.database, { tenantId, collection: name }))?.done).toHaveLength(1);
      expect(await explain(name, vector(dimensions))).toMatch(/using vector_/);
      const options = { dimensions, operator: OPERATORS[metric] };
      expect(await recall(name, options)).toBeGreaterThanOrEqual(kind === "bit" ? 0.75 : 0.99);
      expect(await recall(name, { ...options, filtered: true })).toBeGreaterThanOrEqual(
        kind === "bit" ? 0.75 : 0.99,
      );
    },
  );
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
      embedding: vector(dimensions),
      topK: 40,
    });
    expect(hits).toHaveLength(40);
  }
});

test("a search returns all matching rows of a selective filter, and a topK beyond the candidates of the index", async () => {
  await collectionOf("rare", { count: 3_000 });
  await maintainIndexes(own.database, { tenantId, collection: "rare" });
  const options = { collection: "rare", embedding: vector(8) };
  const three = await query(services, tenantId, { ...options, filter: { n: { $in: [5, 1_500, 2_999] } } });
  expect(three.map(({ metadata }) => metadata.n).sort()).toEqual([1_500, 2_999, 5]);
  expect(await query(services, tenantId, { ...options, topK: 1_000 })).toHaveLength(1_000);
  expect(
    await query(services, tenantId, { ...options, filter: { n: { $gte: 2_000 } }, topK: 1_000 }),
  ).toHaveLength(1_000);
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
  const write = (documents: ReturnType<typeof rows>) =>
    ingest(services, tenantId, { collection: name, documents });
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
  const queries = Array.from({ length: 100 }, () => ({ embedding: vector(8) }));
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
    query(services, tenantId, { collection: "fickle", embedding: vector(dimensions) });
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

test("keyword search finds inflected words, rare words first, with and without an index", async () => {
  await collectionOf("words", { count: 1_200 });
  const search = (text: string, options = {}) =>
    query(services, tenantId, { collection: "words", text, mode: "keyword", ...options });
  for (const indexed of [false, true]) {
    if (indexed)
      expect((await maintainIndexes(own.database, { tenantId, collection: "words" }))?.done).toHaveLength(1);
    expect((await search("refunds 1001"))[0]).toMatchObject({
      id: "d1001",
      keywordRank: 1,
      score: expect.closeTo(1, 5),
      distance: null,
    });
    const both = await search("shipped parcels", { topK: 30 });
    expect(both).toHaveLength(30);
    for (const { content } of both.slice(0, 10)) expect(content).toMatch(/parcel.*shipping|shipping.*parcel/);
    expect(await search("the of and")).toEqual([]);
    expect(await search("it's \\ a 'quoted' & (odd | text) <-> : *")).toEqual([]);
    const filtered = await search("warranty", { filter: { n: { $lt: 20 } } });
    expect(filtered.map(({ id }) => id).sort()).toEqual(["d11", "d19", "d3"]);
  }
});

test("a row with several common words is found even if the sample of each word misses it", async () => {
  const name = "common";
  const { id } = await createCollection(own.database, tenantId, {
    name,
    embeddingModel: null,
    dimensions: 1,
  });
  await asTenant(own.database, tenantId, ({ orm }) =>
    orm.execute(sql`
      INSERT INTO cairn.documents (tenant_id, collection_id, id, content, embedding)
      SELECT ${tenantId}::uuid, ${id}::uuid, word || n, word, '[1]'
      FROM generate_series(1, 5100) AS n, unnest(ARRAY['kettle', 'parcel', 'refund']) AS word`),
  );
  const embedding = new Float32Array([1]);
  const documents = [
    { id: "two", content: "parcel refund", embedding },
    { id: "all", content: "kettle parcel refund", embedding },
  ];
  await ingest(services, tenantId, { collection: name, documents });
  await maintainIndexes(own.database, { tenantId, collection: name });
  const hits = await query(services, tenantId, {
    collection: name,
    text: "kettle parcel refund",
    mode: "keyword",
  });
  expect(hits.slice(0, 2)).toMatchObject([{ id: "all", score: expect.closeTo(1, 5) }, { id: "two" }]);
});

test("hybrid search returns both ranks, and a row in both lists comes first", async () => {
  await collectionOf("both", { count: 1_200 });
  await maintainIndexes(own.database, { tenantId, collection: "both" });
  const near = vector(8);
  await ingest(services, tenantId, {
    collection: "both",
    documents: [
      { id: "near", content: "nothing of the kind", embedding: near },
      { id: "worded", content: "zeppelin", embedding: near.map((element) => -element) },
      {
        id: "two",
        content: "zeppelin",
        embedding: near.map((element, index) => element + (index ? 0 : 0.01)),
      },
    ],
  });
  const hits = await query(services, tenantId, {
    collection: "both",
    text: "zeppelins",
    embedding: near,
    mode: "hybrid",
  });
  expect(hits).toHaveLength(10);
  expect(hits[0]).toMatchObject({ id: "two", vectorRank: 2 });
  expect(hits.find(({ id }) => id === "near")).toMatchObject({ vectorRank: 1, keywordRank: null });
  expect(hits.find(({ id }) => id === "worded")).toMatchObject({
    vectorRank: null,
    distance: expect.closeTo(2, 4),
  });
  expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).toSorted((a, b) => b - a));
});
