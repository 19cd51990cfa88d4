import { sql } from "drizzle-orm";
import { beforeAll, describe, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import {
  bruteForce,
  COUNT,
  createMetricCollections,
  documents,
  randomVector,
} from "../../../test/support/metric-collections.ts";
import { createCollection } from "../collection/create.ts";
import { getCollection } from "../collection/get.ts";
import { asTenant } from "../database/transaction.ts";
import { ingest } from "../document/ingest.ts";
import { METRICS, score } from "../index/metric.ts";
import { createTenant } from "../tenant/tenant.ts";
import { explainSearch } from "./explain.ts";
import { type QueryOptions, query } from "./query.ts";

const own = useTestDatabase();
const { services } = own;
const tenantId = useTenant(own);
beforeAll(async () => {
  const neighbor = await createTenant(own.database, { name: "neighbor" });
  for (const id of [tenantId, neighbor.id]) await createMetricCollections(own, id);
});

const find = (options: QueryOptions) => query(services, tenantId, options);
const ids = (hits: readonly { readonly id: string }[]) => hits.map(({ id }) => id);

describe.each(METRICS)("%s", (metric) => {
  test("the hits are exactly the nearest rows, with Chroma's distances, nearest first", async () => {
    for (let round = 0; round < 5; round++) {
      const embedding = randomVector();
      const hits = await find({ collection: metric, embedding, topK: 25 });
      const expected = bruteForce(metric, embedding).slice(0, 25);
      expect(ids(hits)).toEqual(ids(expected));
      for (const [place, { distance }] of hits.entries())
        expect(distance).toBeCloseTo(expected[place]?.distance as number, 4);
    }
  });

  // The largest inner product of a vector need not be with itself.
  if (metric !== "ip")
    test("a search by a document's vector returns the document first, with all fields", async () => {
      const [hit] = await find({ collection: metric, embedding: documents[7]?.embedding, topK: 1 });
      expect(hit).toMatchObject({
        id: "d007",
        chunk: 0,
        content: "passage 7",
        metadata: { n: 7, rare: false },
        uri: null,
      });
      expect(hit?.distance).toBeCloseTo(0, 5);
      expect(hit?.score).toBeCloseTo(1, 5);
    });

  test("a filter returns exactly the nearest matching rows, and never fewer than exist", async () => {
    const embedding = randomVector();
    const rare = await find({ collection: metric, embedding, filter: { rare: true }, topK: 10 });
    expect(ids(rare)).toEqual(ids(bruteForce(metric, embedding, (n) => n % 100 === 0)));
    const filtered = await find({ collection: metric, embedding, filter: { n: { $lt: 50 } }, topK: 20 });
    expect(ids(filtered)).toEqual(ids(bruteForce(metric, embedding, (n) => n < 50).slice(0, 20)));
    const none = await find({ collection: metric, embedding, filter: { n: -1 } });
    expect(none).toEqual([]);
    const byText = await find({
      collection: metric,
      embedding,
      whereDocument: { $contains: "passage 39" },
      filter: { n: { $ne: 39 } },
      topK: 100,
    });
    expect(ids(byText)).toEqual(ids(bruteForce(metric, embedding, (n) => n >= 390)));
  });

  test("max_distance removes exactly the hits that are farther away", async () => {
    const embedding = randomVector();
    const expected = bruteForce(metric, embedding);
    const limit = ((expected[11]?.distance as number) + (expected[12]?.distance as number)) / 2;
    expect(ids(await find({ collection: metric, embedding, maxDistance: limit, topK: 100 }))).toEqual(
      ids(expected.slice(0, 12)),
    );
    expect(
      await find({
        collection: metric,
        embedding,
        maxDistance: (expected[0]?.distance as number) - 1,
        topK: 100,
      }),
    ).toEqual([]);
  });

  test("scores are from 0 to 1 and fall as distances grow", async () => {
    const hits = await find({ collection: metric, embedding: randomVector(), topK: 1000 });
    expect(hits).toHaveLength(COUNT);
    for (const [place, hit] of hits.entries()) {
      expect(hit.score).toBeGreaterThanOrEqual(0);
      expect(hit.score).toBeLessThanOrEqual(1);
      expect(hit.score).toBe(score(metric, hit.distance ?? Number.NaN));
      if (place > 0) expect(hit.score).toBeLessThanOrEqual(hits[place - 1]?.score as number);
    }
  });

  test("hits of equal distance are always in the order in which they were added", async () => {
    const collection = `ties ${metric}`;
    await createCollection(own.database, tenantId, {
      name: collection,
      metric,
      dimensions: 2,
      embeddingModel: null,
    });
    const embedding = new Float32Array([1, 1]);
    const shuffled = [5, 2, 9, 0, 7, 1, 8, 3, 6, 4].map((n) => ({ id: `t${n}`, content: null, embedding }));
    await ingest(services, tenantId, { collection, documents: shuffled });
    for (let round = 0; round < 3; round++)
      expect(ids(await find({ collection, embedding, topK: 5 }))).toEqual(["t5", "t2", "t9", "t0", "t7"]);
    await ingest(services, tenantId, { collection, documents: shuffled.slice(3, 5) }); // replaced, at the same place
    expect(ids(await find({ collection, embedding, topK: 5 }))).toEqual(["t5", "t2", "t9", "t0", "t7"]);
  });

  test("the plan reads one partition, with tenant and collection as conditions", async () => {
    const collection = await getCollection(own.database, tenantId, metric);
    const { steps } = await explainSearch(services, tenantId, {
      collection: metric,
      embedding: randomVector(),
    });
    const lines = steps.flatMap(({ plan }) => plan).join("\n");
    expect(new Set(lines.match(/documents_\d\d/g))).toHaveProperty("size", 1);
    expect(lines).toContain(tenantId);
    expect(lines).toContain(collection.id);
    expect(lines).toMatch(/Function Scan on unnest query/); // the vectors are read once, not for every row
  });
});

test("a text query finds the right passage of a long document", async () => {
  await createCollection(own.database, tenantId, {
    name: "texts",
    embeddingModel: "offline/words",
    dimensions: 1_536,
  });
  const filler = (word: string) => Array.from({ length: 900 }, (_, n) => `${word}${n}`).join(" ");
  await ingest(services, tenantId, {
    collection: "texts",
    documents: [
      {
        id: "handbook",
        content: `${filler("alpha")}\n\nA kettle may be returned within thirty days.\n\n${filler("omega")}`,
        uri: "h.md",
      },
      { id: "other", content: "Shipping takes two weeks." },
    ],
  });
  const [hit] = await find({
    collection: "texts",
    text: "When may a kettle be returned?",
    topK: 3,
    whereDocument: { $contains: "kettle" },
  });
  expect(hit).toMatchObject({ id: "handbook", uri: "h.md" });
  expect(hit?.chunk).toBeGreaterThan(0);
  expect(hit?.content).toContain("thirty days");
});

test("rows without a vector are not found and do not reduce the number of hits", async () => {
  await createCollection(own.database, tenantId, { name: "holes", dimensions: 2, embeddingModel: null });
  const embedding = new Float32Array([1, 2]);
  await ingest(services, tenantId, {
    collection: "holes",
    documents: [{ id: "b", content: null, embedding }],
  });
  const { id } = await getCollection(own.database, tenantId, "holes");
  await asTenant(own.database, tenantId, ({ orm }) =>
    orm.execute(
      sql`INSERT INTO cairn.documents (tenant_id, collection_id, id, content) VALUES (${tenantId}::uuid, ${id}::uuid, 'a', 'x')`,
    ),
  );
  expect(ids(await find({ collection: "holes", embedding, topK: 2 }))).toEqual(["b"]);
});
