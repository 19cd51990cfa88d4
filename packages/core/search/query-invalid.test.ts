import { beforeAll, describe, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { bruteForce, COUNT, createMetricCollections, DIMENSIONS } from "../../../test/support/metric-collections.ts";
import { createCollection } from "../collection/create.ts";
import { type QueryOptions, query } from "./query.ts";

const own = useTestDatabase();
const { services } = own;
const tenantId = useTenant(own);
beforeAll(() => createMetricCollections(own, tenantId));

const find = (options: QueryOptions) => query(services, tenantId, options);
const ids = (hits: readonly { readonly id: string }[]) => hits.map(({ id }) => id);

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
      await expect(find({ collection: "ip", embedding: new Float32Array(size).fill(1) })).rejects.toMatchObject({
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
    expect(ids(await find({ collection: "l2", embedding: zeros }))).toEqual(ids(bruteForce("l2", zeros).slice(0, 10)));
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
