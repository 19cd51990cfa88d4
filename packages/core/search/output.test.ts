import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { runSearch } from "../assistant/search-tool.ts";
import { createCollection } from "../collection/create.ts";
import type { Database } from "../database/database.ts";
import { ingest } from "../document/ingest.ts";
import { type QueryOptions, query, queryMany } from "./query.ts";

const COUNT = 60;
const BYTES = 40_000;

const own = useTestDatabase();
const { services } = own;
const tenantId = useTenant(own);
const embedding = new Float32Array([1, 0, 0, 0]);
beforeAll(async () => {
  await createCollection(own.database, tenantId, { embeddingModel: "offline/words", dimensions: 4 });
  const documents = Array.from({ length: COUNT }, (_, n) => ({
    id: `d${n}`,
    content: `violin ${randomBytes(BYTES / 2).toString("hex")}`,
    metadata: { n },
    embedding: new Float32Array([1, n / COUNT, 0, 0]),
  }));
  await ingest(services, tenantId, { documents });
});

/** Runs a search. Returns its outcome, its number of reads and their bytes. */
async function measure(options: Partial<QueryOptions>) {
  let bytes = 0;
  let reads = 0;
  const database: Database = {
    ...own.database,
    read: async (...args) => {
      const results = await own.database.read(...args);
      bytes += JSON.stringify(results).length;
      reads++;
      return results;
    },
  };
  const outcome = await query(offlineServices(database), tenantId, { text: "violin", ...options }).then(
    (hits) => ({ hits, error: undefined }),
    (error: unknown) => ({ hits: [], error }),
  );
  return { ...outcome, bytes, reads };
}

const MODES = ["vector", "keyword", "hybrid"] as const;

describe.each(MODES)("%s", (mode) => {
  test("hits over the response limit are refused before they are read, with a remedy", async () => {
    const { error, bytes } = await measure({ mode, topK: 30, maxBytes: 1_000_000 });
    expect(bytes).toBeLessThan(60_000);
    expect(error).toMatchObject({
      code: "response_too_large",
      message: expect.stringMatching(/30 hits.*limit of a response is 1000000.*top_k/),
    });
  });

  test("rows that are only ranked do not count towards the limit, and their fields are not read", async () => {
    await measure({ mode });
    const { hits, bytes, reads } = await measure({
      mode,
      topK: 5,
      maxBytes: 300_000,
      filter: { n: { $gte: 0 } },
    });
    expect(hits).toHaveLength(5);
    for (const { content, metadata } of hits) {
      expect(content).toHaveLength(BYTES + 7);
      expect(metadata).toEqual({ n: expect.any(Number) });
    }
    expect(bytes).toBeLessThan(6 * BYTES);
    expect(reads).toBeLessThanOrEqual(2);
  });

  test("vectors are read only of the hits, and only if they are included", async () => {
    await measure({ mode });
    const { hits, reads, bytes } = await measure({ mode, topK: 5, include: ["embedding"] });
    expect(hits).toHaveLength(5);
    for (const hit of hits) {
      expect(hit).toMatchObject({ content: null, metadata: {} });
      const n = Number(hit.id.slice(1));
      expect(Float32Array.from(hit.embedding ?? [])).toEqual(Float32Array.of(1, n / COUNT, 0, 0));
    }
    expect(bytes).toBeLessThan(60_000);
    expect(reads).toBeLessThanOrEqual(2);
    const grouped = await measure({ mode, topK: 5, include: ["embedding", "metadata"], groupBy: "document" });
    expect(grouped.hits.map(({ embedding }) => embedding?.length)).toEqual(Array(5).fill(4));
    const without = await measure({ mode, topK: 5 });
    expect(without.hits[0]).not.toHaveProperty("embedding");
    expect(without.reads).toBe(1);
  });

  test("fields that are not included are not read", async () => {
    await measure({ mode });
    const none = await measure({ mode, topK: COUNT, include: [], maxBytes: 1_000 });
    expect(none.hits).toHaveLength(COUNT);
    expect(none.bytes).toBeLessThan(60_000);
    expect(none.reads).toBe(1);
    const { hits, bytes } = await measure({ mode, topK: COUNT, include: ["metadata"] });
    expect(hits[0]).toMatchObject({ content: null, metadata: { n: expect.any(Number) } });
    expect(bytes).toBeLessThan(60_000);
  });
});

test("the response limit applies to all queries together", async () => {
  const queries = Array.from({ length: 10 }, () => ({ embedding }));
  const options = { queries, topK: 5, maxBytes: 1_000_000 };
  await expect(queryMany(services, tenantId, options)).rejects.toMatchObject({ code: "response_too_large" });
  const bare = await queryMany(services, tenantId, { ...options, include: [] });
  expect(bare.map(({ length }) => length)).toEqual(Array(10).fill(5));
});

test("queries times top_k is limited before a text is embedded", async () => {
  const queries = Array.from({ length: 100 }, () => ({ text: "violin" }));
  await expect(queryMany(services, tenantId, { queries, topK: 1_000 })).rejects.toMatchObject({
    code: "invalid_input",
    path: "top_k",
    message: expect.stringMatching(/10000 hits.*top_k of 100, not 1000/),
  });
});

test("the search tool limits its results to what a model can read", async () => {
  await expect(runSearch(services, tenantId, { query: "violin", top_k: 40 })).rejects.toMatchObject({
    code: "response_too_large",
  });
  expect((await runSearch(services, tenantId, { query: "violin", top_k: 5 })).results).toHaveLength(5);
});
