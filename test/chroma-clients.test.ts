import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { ChromaClient, type Collection } from "chromadb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveTestApi, useTestApi } from "./support/api.ts";
import { chromaOptions } from "./support/chroma-api.ts";
import { startEmbeddingApi } from "./support/embedding-api.ts";
import { useTestDatabase } from "./support/fixture.ts";

// Real clients, over a socket: the official JavaScript client, and the Chroma vector stores of LangChain and Mastra.

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => chromaOptions());
const PACKAGES = new URL("vector-stores/package.json", import.meta.url);
let server: Awaited<ReturnType<typeof serveTestApi>>;
let port: number;
let headers: Record<string, string>;

beforeAll(async () => {
  server = await serveTestApi(api);
  port = Number(new URL(server.url).port);
  headers = { "x-chroma-token": (await api.addTenant()).key };
});
afterAll(() => server.stop());

function connect(key = headers): ChromaClient {
  return new ChromaClient({ host: "127.0.0.1", port, headers: key });
}

const EMBED = { generate: async (texts: string[]) => texts.map((text) => [text.length, 1, 0]), name: "lengths" };

describe("the official JavaScript client", () => {
  test("creates, fills, queries, changes and deletes a collection", async () => {
    const client = connect();
    expect(await client.heartbeat()).toBeGreaterThan(1.7e18);
    const created = await client.createCollection({ name: "life", metadata: { a: 1 }, embeddingFunction: EMBED });
    expect((await client.getOrCreateCollection({ name: "life", embeddingFunction: EMBED })).id).toBe(created.id);
    await expect(client.createCollection({ name: "life", embeddingFunction: EMBED })).rejects.toMatchObject({
      name: "ChromaUniqueError",
    });
    await created.add({
      ids: ["a", "b", "c"],
      documents: ["one", "three", "sixteen"],
      metadatas: [{ n: 1 }, { n: 2 }, { n: 3 }],
    });
    expect(await created.count()).toBe(3);
    await created.upsert({ ids: ["b", "d"], documents: ["four", "nineteen"], metadatas: [{ m: "x" }, { n: 4 }] });
    await created.update({ ids: ["a"], metadatas: [{ n: 10 }] });
    expect(await created.get()).toMatchObject({
      ids: ["a", "b", "c", "d"],
      documents: ["one", "four", "sixteen", "nineteen"],
      metadatas: [{ n: 10 }, { n: 2, m: "x" }, { n: 3 }, { n: 4 }],
    });
    const found = await created.query({ queryTexts: ["seventeen"], nResults: 2, where: { n: { $gt: 2 } } });
    expect(found.ids[0]).toEqual(["d", "c"]);
    expect((await created.peek({ limit: 2 })).ids).toEqual(["a", "b"]);
    await created.modify({ name: "afterlife", metadata: { b: 2 } });
    const renamed = await client.getCollection({ name: "afterlife", embeddingFunction: EMBED });
    expect(renamed).toMatchObject({ id: created.id, metadata: { b: 2 } });
    await renamed.delete({ ids: ["a"] });
    await renamed.delete({ where: { n: 3 } });
    expect((await renamed.get()).ids).toEqual(["b", "d"]);
    expect(await client.countCollections()).toBe(1);
    expect((await client.listCollections()).map(({ name }: Collection) => name)).toEqual(["afterlife"]);
    await client.deleteCollection({ name: "afterlife" });
    await expect(client.getCollection({ name: "afterlife" })).rejects.toMatchObject({ name: "ChromaNotFoundError" });
  });

  test("gets the errors of its classes", async () => {
    await expect(connect({ "x-chroma-token": "wrong" }).listCollections()).rejects.toMatchObject({
      name: "ChromaAuthError",
    });
    const client = connect();
    const collection = await client.createCollection({ name: "errors", embeddingFunction: EMBED });
    await collection.add({ ids: ["a"], embeddings: [[1, 2, 3]] });
    await expect(collection.add({ ids: ["b"], embeddings: [[1]] })).rejects.toThrow(
      "embedding with dimension of 3, got 1",
    );
  });

  test("adds and reads 3,000 records in the batches that the server advises", async () => {
    const collection = await connect().createCollection({ name: "many", embeddingFunction: EMBED });
    const ids = Array.from({ length: 3_000 }, (_, n) => `record ${n}`);
    await collection.add({ ids, embeddings: ids.map((_, n) => [n, 1, 2]), documents: ids });
    expect((await collection.get({ limit: 3_000, include: [] })).ids).toEqual(ids);
  });
});

/** A module of test/vector-stores, which is installed on its own. */
async function load(specifier: string) {
  return import(pathToFileURL(createRequire(PACKAGES).resolve(specifier)).href);
}

describe.skipIf(!existsSync(new URL("node_modules", PACKAGES)))("a vector store", () => {
  const texts = ["Kettles can be returned within 30 days.", "Parcels arrive on Tuesday.", "The office is closed."];

  test("of LangChain.js adds, searches with a filter, and deletes", async () => {
    const { Chroma } = await load("@langchain/community/vectorstores/chroma");
    const { OpenAIEmbeddings } = await load("@langchain/openai");
    const embedding = await startEmbeddingApi();
    try {
      const embeddings = new OpenAIEmbeddings({
        apiKey: "none",
        configuration: { baseURL: embedding.url },
        model: "text-embedding-3-small",
      });
      const store = new Chroma(embeddings, {
        collectionName: "langchain",
        clientParams: { host: "127.0.0.1", port, headers },
      });
      const documents = texts.map((pageContent, n) => ({ pageContent, metadata: { n, source: `file-${n}` } }));
      const ids: string[] = await store.addDocuments(documents, { ids: ["a", "b", "c"] });
      expect(ids).toEqual(["a", "b", "c"]);
      const [[best, distance] = []] = await store.similaritySearchWithScore(texts[1], 2);
      expect(best).toMatchObject({ pageContent: texts[1], metadata: { n: 1, source: "file-1" } });
      expect(distance).toBeCloseTo(0, 4);
      const [filtered] = await store.similaritySearch(texts[1], 1, { source: "file-2" });
      expect(filtered.pageContent).toBe(texts[2]);
      await store.delete({ ids: ["b"] });
      expect(await store.similaritySearch(texts[1], 5)).toHaveLength(2);
    } finally {
      await embedding.stop();
    }
  });

  test("of Mastra creates an index, upserts, queries, updates and deletes", async () => {
    const { ChromaVector } = await load("@mastra/chroma");
    const store = new ChromaVector({ id: "cairn", host: "127.0.0.1", port, headers });
    await store.createIndex({ indexName: "mastra", dimension: 3, metric: "cosine" });
    await store.createIndex({ indexName: "mastra", dimension: 3, metric: "cosine" });
    expect(await store.listIndexes()).toContain("mastra");
    const vectors = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ];
    await store.upsert({
      indexName: "mastra",
      vectors,
      ids: ["x", "y", "z"],
      metadata: [{ n: 1 }, { n: 2 }, { n: 3 }],
      documents: texts,
    });
    const [first] = await store.query({
      indexName: "mastra",
      queryVector: [0.9, 0.1, 0],
      topK: 1,
      includeVector: true,
    });
    expect(first).toMatchObject({ id: "x", metadata: { n: 1 }, document: texts[0], vector: [1, 0, 0] });
    const filtered = await store.query({
      indexName: "mastra",
      queryVector: [1, 0, 0],
      topK: 5,
      filter: { n: { $gt: 1 } },
    });
    expect(filtered.map(({ id }: { id: string }) => id).toSorted()).toEqual(["y", "z"]);
    await store.updateVector({ indexName: "mastra", id: "y", update: { metadata: { n: 20 } } });
    await store.deleteVector({ indexName: "mastra", id: "z" });
    expect(await store.describeIndex({ indexName: "mastra" })).toMatchObject({
      dimension: 3,
      count: 2,
      metric: "cosine",
    });
    await store.deleteIndex({ indexName: "mastra" });
    expect(await store.listIndexes()).not.toContain("mastra");
  });
});
