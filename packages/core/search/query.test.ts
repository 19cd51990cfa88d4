import { sql } from "drizzle-orm";
import { beforeAll, describe, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { getCollection } from "../collection/get.ts";
import { asTenant } from "../database/transaction.ts";
import { ingest } from "../document/ingest.ts";
import { METRICS, type Metric, score } from "../index/metric.ts";
import { createTenant } from "../tenant/tenant.ts";
import { explainSearch } from "./explain.ts";
import { type QueryOptions, query } from "./query.ts";

const DIMENSIONS = 24;
const COUNT = 400;

const own = useTestDatabase();
const { services } = own;
const tenantId = useTenant(own);
beforeAll(async () => {
  const { id: neighbor } = await createTenant(own.database, { name: "neighbor" });
  for (const metric of METRICS)
    for (const tenant of [tenantId, neighbor]) {
      await createCollection(own.database, tenant, {
        name: metric,
        metric,
        dimensions: DIMENSIONS,
        embeddingModel: "offline/words",
      });
      await ingest(services, tenant, { collection: metric, documents });
    }
});

/** A pseudo-random sequence that is the same in every run: mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
const random = randomFrom(7);
const randomVector = () => Float32Array.from({ length: DIMENSIONS }, () => random() * 4 - 2);
const documents = Array.from({ length: COUNT }, (_, n) => ({
  id: `d${String(n).padStart(3, "0")}`,
  content: n % 50 === 0 ? null : `passage ${n}`,
  metadata: { n, rare: n % 100 === 0 },
  embedding: randomVector(),
}));

const dot = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, element, i) => sum + element * (b[i] as number), 0);

/** The distances of Chroma (hnswlib): cosine 1 − cos, l2 squared, ip 1 − dot. */
const DISTANCES: Readonly<Record<Metric, (a: Float32Array, b: Float32Array) => number>> = {
  cosine: (a, b) => 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
  l2: (a, b) => a.reduce((sum, element, i) => sum + (element - (b[i] as number)) ** 2, 0),
  ip: (a, b) => 1 - dot(a, b),
};

function bruteForce(metric: Metric, embedding: Float32Array, keep: (n: number) => boolean = () => true) {
  return documents
    .filter(({ metadata }) => keep(metadata.n))
    .map((document) => ({ id: document.id, distance: DISTANCES[metric](embedding, document.embedding) }))
    .sort((a, b) => a.distance - b.distance);
}

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

  test("hits of equal distance are always ordered by id", async () => {
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
      expect(ids(await find({ collection, embedding, topK: 5 }))).toEqual(["t0", "t1", "t2", "t3", "t4"]);
    await ingest(services, tenantId, { collection, documents: shuffled.slice(3, 5) });
    expect(ids(await find({ collection, embedding, topK: 5 }))).toEqual(["t0", "t1", "t2", "t3", "t4"]);
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

describe("invalid requests", () => {
  const embedding = new Float32Array(DIMENSIONS).fill(1);
  test.each([0, -1, 1.5, 1001, Number.NaN])("a top_k of %d is refused", async (topK) => {
    await expect(find({ collection: "l2", embedding, topK })).rejects.toMatchObject({
      code: "invalid_input",
      path: "top_k",
    });
  });

  test("top_k is 10 by default, and can be 1 and 1,000", async () => {
    expect(await find({ collection: "l2", embedding })).toHaveLength(10);
    expect(await find({ collection: "l2", embedding, topK: 1 })).toHaveLength(1);
    expect(await find({ collection: "l2", embedding, topK: 1000 })).toHaveLength(COUNT);
  });

  test("a vector of other dimensions is refused with both numbers", async () => {
    for (const size of [1, DIMENSIONS - 1, DIMENSIONS + 1])
      await expect(
        find({ collection: "ip", embedding: new Float32Array(size).fill(1) }),
      ).rejects.toMatchObject({
        code: "dimension_mismatch",
        message: expect.stringMatching(new RegExp(`${DIMENSIONS} dimensions.* ${size}\\.`)),
      });
  });

  test("a vector with NaN or infinity is refused, and a zero vector only under cosine", async () => {
    for (const invalid of [Number.NaN, Number.POSITIVE_INFINITY])
      await expect(find({ collection: "l2", embedding: embedding.with(3, invalid) })).rejects.toMatchObject({
        code: "invalid_input",
      });
    const zeros = new Float32Array(DIMENSIONS);
    await expect(find({ collection: "cosine", embedding: zeros })).rejects.toMatchObject({
      code: "invalid_input",
      path: "query_embedding",
    });
    const [hit] = await find({ collection: "ip", embedding: zeros });
    expect(hit?.distance).toBe(1);
    expect(ids(await find({ collection: "l2", embedding: zeros }))).toEqual(
      ids(bruteForce("l2", zeros).slice(0, 10)),
    );
  });

  test("a query with text and vector, with neither, or with a blank text is refused", async () => {
    for (const options of [{}, { text: "x", embedding }, { text: "" }, { text: " \n" }])
      await expect(find({ collection: "l2", ...options })).rejects.toMatchObject({ code: "invalid_input" });
  });

  test("a text query with an unknown or unconfigured model is refused with a remedy, and a vector query works", async () => {
    await createCollection(own.database, tenantId, { name: "imported", dimensions: 2, embeddingModel: null });
    await createCollection(own.database, tenantId, {
      name: "keyless",
      dimensions: 2,
      embeddingModel: "openai/text-embedding-3-small",
    });
    await expect(find({ collection: "imported", text: "x" })).rejects.toMatchObject({
      code: "embedder_unavailable",
      remedy: "name_model",
    });
    await expect(find({ collection: "keyless", text: "x" })).rejects.toMatchObject({
      code: "embedder_unavailable",
      message: expect.stringContaining("Set openai.apiKey"),
    });
    expect(await find({ collection: "imported", embedding: new Float32Array([1, 0]) })).toEqual([]);
  });

  test("an invalid filter is refused with its path, also in an empty collection", async () => {
    await createCollection(own.database, tenantId, { name: "no size", embeddingModel: "offline/words" });
    for (const collection of ["l2", "no size"])
      await expect(find({ collection, embedding, filter: { n: { $near: 1 } } })).rejects.toMatchObject({
        code: "invalid_filter",
        path: expect.stringContaining("filter.n"),
      });
  });

  test("a collection without dimensions has no hits", async () => {
    await createCollection(own.database, tenantId, { name: "empty", embeddingModel: "offline/words" });
    expect(await find({ collection: "empty", text: "anything" })).toEqual([]);
    expect(await find({ collection: "empty", embedding })).toEqual([]);
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
