import { beforeAll, expect, test } from "vitest";
import { vector } from "../../../test/support/documents.ts";
import { useServer, useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { type RerankFault, startRerankApi } from "../../../test/support/rerank-api.ts";
import { createCollection } from "../collection/create.ts";
import { ingest } from "../document/ingest.ts";
import { createReranker } from "../rerank/create-reranker.ts";
import type { Services } from "../services.ts";
import { explainSearch } from "./explain.ts";
import { type QueryOptions, query, queryManyResults, queryResult } from "./query.ts";

const testDatabase = useTestDatabase();
const tenantId = useTenant(testDatabase);
/** A model that prefers the passage with the highest number. */
const server = useServer(() =>
  startRerankApi({ dialect: "voyage", score: (_, passage) => Number(/\d+/.exec(passage)?.[0] ?? 0) / 1_000 }),
);

const connected = (timeout = 20_000): Services => ({
  ...testDatabase.services,
  database: testDatabase.database,
  reranker: createReranker({ format: "voyage", url: server.url, model: "ranker", timeout, backoff: 1 }),
});

const angle = (n: number) => vector(Math.cos(n / 200), Math.sin(n / 200), 0, 0);

/** Ninety documents; the nearer to the query, the lower the number. Each has the word kettle. */
beforeAll(async () => {
  await createCollection(testDatabase.database, tenantId, { dimensions: 4, embeddingModel: "offline/words" });
  const documents = Array.from({ length: 90 }, (_, n) => ({
    id: `d${n}`,
    content: `kettle ${n}`,
    embedding: angle(n),
    metadata: { even: n % 2 === 0 },
  }));
  await ingest(testDatabase.services, tenantId, { documents });
});

const QUERY = { mode: "hybrid", text: "kettle", embedding: angle(0) } as const;

const run = (options: Partial<QueryOptions> = {}, services = connected()) =>
  queryResult(services, tenantId, { ...QUERY, ...options });

const ids = async (options: Partial<QueryOptions>) => (await run(options)).hits.map(({ id }) => id);

/** The documents of the search alone. */
const plainIds = async (topK: number) => (await query(connected(), tenantId, { ...QUERY, topK })).map(({ id }) => id);

const number = (id: string) => Number(id.slice(1));

test("the model orders the best 50 of the search, and top_k of them are returned with its scores", async () => {
  const candidates = await plainIds(50);
  const { hits, rerank } = await run({ topK: 3, rerank: {} });
  const best = candidates.toSorted((a, b) => number(b) - number(a)).slice(0, 3);
  expect(hits.map(({ id }) => id)).toEqual(best);
  expect(hits.map(({ rerankScore }) => rerankScore)).toEqual(best.map((id) => number(id) / 1_000));
  expect(rerank).toMatchObject({ applied: true, model: "ranker", passages: 50 });
  expect(server.requests.at(-1)).toMatchObject({ model: "ranker", query: "kettle" });
});

test("ranks, distances and scores of a hit are those of the search", async () => {
  const { hits } = await run({ topK: 2, rerank: { topN: 5 } });
  const plain = await query(connected(), tenantId, { ...QUERY, topK: 5 });
  for (const { rerankScore, ...hit } of hits) expect(plain).toContainEqual(hit);
});

test("rows beyond top_n follow in the order of the search, without a score", async () => {
  const plain = await plainIds(6);
  const { hits } = await run({ topK: 6, rerank: { topN: 3 } });
  expect(hits.map(({ id }) => id)).toEqual([
    ...plain.slice(0, 3).toSorted((a, b) => number(b) - number(a)),
    ...plain.slice(3),
  ]);
  expect(hits.slice(3).map(({ rerankScore }) => rerankScore)).toEqual([null, null, null]);
  expect(server.requests.at(-1)?.passages).toHaveLength(3);
});

test("passages that the server leaves out follow in the order of the search", async () => {
  const plain = await plainIds(5);
  server.script({ kind: "results", change: (results) => results.slice(0, 1) });
  const [first, ...others] = await ids({ topK: 5, rerank: { topN: 5 } });
  expect(first).toBe(plain.toSorted((a, b) => number(b) - number(a))[0]);
  expect(others).toEqual(plain.filter((id) => id !== first));
});

test("max_distance and filters apply before the model", async () => {
  const near = await query(connected(), tenantId, { ...QUERY, topK: 20 });
  const maxDistance = Math.max(...near.slice(0, 4).map(({ distance }) => distance ?? 0));
  const { hits, rerank } = await run({ maxDistance, filter: { even: true }, rerank: {} });
  expect(hits.length).toBeGreaterThan(0);
  for (const { distance, metadata } of hits) {
    expect(distance).toBeLessThanOrEqual(maxDistance);
    expect(metadata).toEqual({ even: true });
  }
  expect(rerank).toMatchObject({ applied: true, passages: hits.length });
});

test("grouped by document, the best passage of each document is compared", async () => {
  const name = "grouped";
  await createCollection(testDatabase.database, tenantId, { name, dimensions: 256, embeddingModel: "offline/words" });
  const texts = [1, 2].map((n) =>
    Array.from({ length: 4 }, (_, at) => `violin ${n}0${at} ${"word ".repeat(12)}`).join("\n\n"),
  );
  const documents = texts.map((content, n) => ({ id: `g${n}`, content }));
  await ingest(testDatabase.services, tenantId, { collection: name, documents, maxTokens: 16, overlap: 0 });
  const { hits } = await queryResult(connected(), tenantId, {
    ...{ collection: name, text: "violin", mode: "keyword", groupBy: "document", rerank: {} },
  });
  expect(hits.map(({ id, others }) => [id, others])).toEqual([
    ["g1", 3],
    ["g0", 3],
  ]);
  expect(server.requests.at(-1)?.passages).toHaveLength(2);
});

test.each<readonly [string, RerankFault, number, string]>([
  ["that hangs", { kind: "hang" }, 150, "timeout"],
  ["that fails", { kind: "status", status: 500 }, 20_000, "failed"],
  ["that sends half of its JSON", { kind: "half_json" }, 20_000, "failed"],
  [
    "that repeats an index",
    { kind: "results", change: (results) => results.map((r) => ({ ...r, index: 0 })) },
    20_000,
    "failed",
  ],
])("with a server %s the hits are those of the search, and the result says so", async (_, fault, timeout, reason) => {
  const plain = await query(connected(), tenantId, { ...QUERY, topK: 4 });
  server.always(fault);
  const startedAt = performance.now();
  const { hits, rerank } = await run({ topK: 4, rerank: {} }, connected(timeout));
  expect(hits).toEqual(plain);
  expect(rerank).toMatchObject({ applied: false, reason, detail: expect.stringContaining("rerank server") });
  if (reason === "timeout") expect(performance.now() - startedAt).toBeGreaterThanOrEqual(149);
  server.always(null);
  expect((await run({ rerank: {} })).rerank).toMatchObject({ applied: true });
});

test("each of several queries is ordered, and one that fails leaves the others", async () => {
  server.script({ kind: "status", status: 401 });
  const queries = [1, 2, 3].map(() => ({ text: "kettle", embedding: angle(0) }));
  const results = await queryManyResults(connected(), tenantId, {
    queries,
    mode: "hybrid",
    topK: 2,
    rerank: { topN: 4 },
  });
  expect(results.filter(({ rerank }) => rerank?.applied)).toHaveLength(2);
  expect(new Set(results.filter(({ rerank }) => rerank?.applied).map(({ hits }) => hits[0]?.id)).size).toBe(1);
});

test("the content is compared, but not returned, if it is not included", async () => {
  const { hits } = await run({ topK: 2, include: ["metadata"], rerank: { topN: 4 } });
  expect(server.requests.at(-1)?.passages.every((passage) => passage.startsWith("kettle"))).toBe(true);
  expect(hits.map(({ content, uri, rerankScore }) => [content, uri, typeof rerankScore])).toEqual([
    [null, null, "number"],
    [null, null, "number"],
  ]);
});

test("vectors come with reranked hits if they are included", async () => {
  const { hits } = await run({ topK: 2, include: ["embedding"], rerank: { topN: 4 } });
  expect(hits.map(({ embedding, content }) => [embedding?.length, content])).toEqual([
    [4, null],
    [4, null],
  ]);
});

test("long passages are cut at 8,000 characters, and texts beyond the limit of a response are not sent", async () => {
  const name = "long";
  await createCollection(testDatabase.database, tenantId, { name, dimensions: 4, embeddingModel: "offline/words" });
  const documents = [1, 2, 3].map((n) => ({
    id: `l${n}`,
    content: `${n} ${"x".repeat(7_997)}😀 ${"y ".repeat(1_000)}`,
    embedding: angle(n),
  }));
  await ingest(testDatabase.services, tenantId, { collection: name, documents });
  const options = { collection: name, rerank: {} } as const;
  await run(options);
  const { passages = [] } = server.requests.at(-1) ?? {};
  expect(passages.map(({ length }) => length)).toEqual([7_999, 7_999, 7_999]); // the surrogate pair is not divided
  const { hits, rerank } = await run({ ...options, topK: 1, maxBytes: 25_000 });
  expect(rerank).toMatchObject({ applied: true, passages: 2 });
  expect(hits).toHaveLength(1);
});

test("a record without text is not sent, and follows", async () => {
  const name = "bare";
  await createCollection(testDatabase.database, tenantId, { name, dimensions: 4, embeddingModel: "offline/words" });
  const documents = [
    { id: "bare", content: null, embedding: angle(0) },
    { id: "text", content: "7 kettle", embedding: angle(90) },
  ];
  await ingest(testDatabase.services, tenantId, { collection: name, documents });
  const { hits } = await run({ collection: name, rerank: {} });
  expect(hits.map(({ id, rerankScore }) => [id, rerankScore])).toEqual([
    ["text", 0.007],
    ["bare", null],
  ]);
});

test("expanded hits are compared by their passages, and expanded afterwards", async () => {
  const name = "both";
  await createCollection(testDatabase.database, tenantId, { name, dimensions: 256, embeddingModel: "offline/words" });
  const content = Array.from({ length: 6 }, (_, n) => `oboe number ${n} has a sentence of some words here.`).join(
    "\n\n",
  );
  await ingest(testDatabase.services, tenantId, {
    collection: name,
    documents: [{ id: "oboe", content }],
    maxTokens: 16,
    overlap: 0,
  });
  const { hits } = await queryResult(connected(), tenantId, {
    ...{ collection: name, text: "oboe", mode: "keyword", topK: 1, rerank: {}, expand: { before: 1 } },
  });
  expect(server.requests.at(-1)?.passages).toHaveLength(6);
  expect(hits).toMatchObject([{ chunk: 5, rerankScore: 0.005, expanded: { firstChunk: 4, lastChunk: 5 } }]);
});

test("explain states what the model orders", async () => {
  const { words } = await explainSearch(connected(2_000), tenantId, {
    ...QUERY,
    topK: 3,
    rerank: {},
    expand: { after: 1 },
  });
  expect(words.join("\n")).toMatch(/the model ranker orders the best 50 rows within 2000 ms, and the first 3/);
  expect(words.join("\n")).toContain("one more statement reads the passages around the hits");
});

test("a search without rerank sends nothing", async () => {
  const sent = server.requests.length;
  expect(await run()).not.toHaveProperty("rerank");
  expect(server.requests).toHaveLength(sent);
});

test.each<readonly [Partial<QueryOptions>, string, string]>([
  [{ rerank: { topN: 0 } }, "invalid_input", "rerank.topN"],
  [{ rerank: { topN: 201 } }, "invalid_input", "rerank.topN"],
  [{ rerank: {}, mode: "vector", text: undefined }, "invalid_input", "query"],
])("%j is refused: %s at %s", async (options, code, path) => {
  await expect(run(options)).rejects.toMatchObject({ code, path });
});

test("more than 2,000 candidates in a request are refused", async () => {
  const queries = Array.from({ length: 41 }, () => ({ text: "kettle" }));
  await expect(queryManyResults(connected(), tenantId, { queries, mode: "keyword", rerank: {} })).rejects.toMatchObject(
    { code: "invalid_input", path: "rerank" },
  );
});

test("without a server, and without a model, the error names what is missing", async () => {
  const none = { ...connected(), reranker: undefined };
  await expect(run({ rerank: {} }, none)).rejects.toMatchObject({ code: "rerank_not_configured", path: "rerank" });
  const unnamed = { ...connected(), reranker: createReranker({ format: "voyage", url: server.url }) };
  await expect(run({ rerank: {} }, unnamed)).rejects.toMatchObject({ code: "invalid_input", path: "rerank.model" });
  expect((await run({ rerank: { model: "named" } }, unnamed)).rerank).toMatchObject({ applied: true, model: "named" });
});

test("a search that its caller cancels ends", async () => {
  server.script({ kind: "hang" });
  const abort = new AbortController();
  const running = run({ rerank: {}, signal: abort.signal });
  await expect.poll(() => server.running()).toBe(1);
  abort.abort(new Error("gone"));
  await expect(running).rejects.toThrow("gone");
});
