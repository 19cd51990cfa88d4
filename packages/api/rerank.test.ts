import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { createReranker } from "@cairn/core/rerank/create-reranker.ts";
import { beforeAll, expect, test } from "vitest";
import { createTestApi, useTestApi } from "../../test/support/api.ts";
import { startChatApi } from "../../test/support/chat-api.ts";
import { question } from "../../test/support/chat-service.ts";
import { useResource, useServer, useTestDatabase } from "../../test/support/fixture.ts";
import { startRerankApi } from "../../test/support/rerank-api.ts";
import { captureLog } from "../../test/support/telemetry.ts";
import { createMetrics } from "./telemetry/metrics.ts";

const testDatabase = useTestDatabase();
const chat = useServer(startChatApi);
/** A model that prefers long passages. */
const server = useServer(() => startRerankApi({ score: (_, passage) => passage.length / 1_000 }));
const reranker = () => createReranker({ format: "cohere", url: server.url, model: "ranker", apiKey: "key-9b1f3c" });
const chatModel = () => createChatModel({ model: "scripted", apiKey: "sk-chat", baseUrl: chat.url });
const api = useTestApi(testDatabase, () => ({ reranker: reranker(), chatModel: chatModel() }));
const tenant = useResource(() => api.addTenant());

const fact = (n: number) => `Fact ${n} of the manual says that the lamp number ${n} is to be replaced.`;
const MANUAL = Array.from({ length: 6 }, (_, n) => fact(n)).join("\n\n");
const DOCUMENTS = [
  { id: "short", content: "A kettle." },
  { id: "long", content: "A kettle that may be returned within 30 days of its purchase." },
  { id: "manual", content: MANUAL },
];

const putDocuments = (key: string, call = api.call) =>
  call("POST", "/v1/documents", { key, body: { documents: DOCUMENTS, max_tokens: 24, overlap: 0 } });

beforeAll(() => putDocuments(tenant.key));

const post = (path: string, body: object) => api.call("POST", path, { key: tenant.key, body });

test("/v1/query returns the hits in the order of the model, with its scores and what it did", async () => {
  const { status, body } = await post("/v1/query", {
    query: "kettle",
    top_k: 2,
    mode: "keyword",
    rerank: { top_n: 5 },
  });
  expect(status).toBe(200);
  expect(body.hits.map(({ id }: { id: string }) => id)).toEqual(["long", "short"]);
  expect(body.hits[0].rerank_score).toBeCloseTo(0.061, 3);
  expect(body.rerank).toEqual({ applied: true, model: "ranker", ms: expect.any(Number), passages: 2 });
  expect(server.requests.at(-1)?.authorization).toBe("Bearer key-9b1f3c");
});

test("of several queries, each says what the model did", async () => {
  const queries = [{ query: "kettle" }, { query: "lamp" }];
  const { body } = await post("/v1/query", { queries, mode: "keyword", rerank: { model: "other" } });
  expect(body.results).toHaveLength(2);
  expect(body.reranks).toMatchObject([
    { applied: true, model: "other" },
    { applied: true, passages: 6 },
  ]);
  expect(body.rerank).toEqual(body.reranks[0]);
});

test("a failure is not an error: the order of the search is returned with the reason", async () => {
  const plain = await post("/v1/query", { query: "kettle", mode: "keyword" });
  server.script({ kind: "status", status: 401, message: "bad key key-9b1f3c" });
  const { status, body, text } = await post("/v1/query", { query: "kettle", mode: "keyword", rerank: {} });
  expect(status).toBe(200);
  expect(body.hits).toEqual(plain.body.hits);
  expect(body.rerank).toMatchObject({ applied: false, reason: "failed", detail: expect.stringContaining("401") });
  expect(text).not.toContain("key-9b1f3c");
});

test("a server in another format is an error that names the setting", async () => {
  const names = { format: "CAIRN_RERANK_FORMAT", url: "CAIRN_RERANK_URL", model: "CAIRN_RERANK_MODEL" };
  const wrong = createReranker({ format: "voyage", url: server.url, model: "ranker", names });
  const other = await createTestApi(testDatabase.database, { reranker: wrong });
  const refused = await other.call("POST", "/v1/query", {
    key: tenant.key,
    body: { query: "kettle", mode: "keyword", rerank: {} },
  });
  expect(refused).toMatchObject({ status: 503, body: { code: "rerank_misconfigured" } });
  expect(refused.body.detail).toContain("CAIRN_RERANK_FORMAT");
});

test("without a rerank server the request is refused, and nothing else is", async () => {
  const bare = await createTestApi(testDatabase.database);
  const ask = (body: object) => bare.call("POST", "/v1/query", { key: tenant.key, body });
  expect(await ask({ query: "kettle", rerank: {} })).toMatchObject({
    status: 503,
    body: { code: "rerank_not_configured", path: "rerank" },
  });
  expect((await ask({ query: "kettle" })).status).toBe(200);
});

test.each<readonly [object, string]>([
  [{ rerank: { top_n: 201 } }, "rerank.top_n"],
  [{ rerank: { top_n: 0 } }, "rerank.top_n"],
  [{ rerank: { topN: 5 } }, "rerank.topN"],
  [{ rerank: true }, "rerank"],
  [{ expand: { before: 21 } }, "expand.before"],
  [{ expand: { around: 1 } }, "expand.around"],
  [{ expand: {} }, "expand"],
  [{ expand: { after: 1 }, include: ["uri"] }, "expand"],
])("%j is refused with the path %s", async (fields, path) => {
  for (const route of ["/v1/query", "/v1/chat"]) {
    if (route === "/v1/chat" && "include" in fields) continue;
    const body = route === "/v1/query" ? { query: "kettle" } : question("kettle");
    const refused = await post(route, { ...body, ...fields });
    expect(refused, route).toMatchObject({ status: 400, body: { code: "invalid_input", path } });
  }
});

test("/v1/query returns the text around a passage, and where it stands", async () => {
  const { body } = await post("/v1/query", {
    query: "lamp number 2",
    mode: "keyword",
    top_k: 1,
    expand: { before: 1, after: 1 },
  });
  const [hit] = body.hits;
  const { start, end, matches } = hit.expanded;
  expect(hit.content).toBe(MANUAL.slice(start, end));
  expect(hit.content).toContain(fact(1));
  expect(hit.content).toContain(fact(3));
  expect(hit.content.slice(matches[0].start, matches[0].end).trim()).toBe(fact(2));
  expect(hit.expanded).toMatchObject({ first_chunk: 1, last_chunk: 3, truncated: false });
});

test("the search tool reads both options as models write them, and returns what the model did", async () => {
  const arguments_ = {
    query: "lamp number 2",
    group_by: "passage",
    top_k: "1",
    rerank: '{"top_n": 1}',
    expand: '{"after": 1}',
  };
  const { status, body } = await post("/v1/tools/search", arguments_);
  expect(status).toBe(200);
  expect(body.rerank).toMatchObject({ applied: true, passages: 1 });
  expect(body.results[0]).toMatchObject({
    rerank_score: expect.any(Number),
    expanded: { matches: [expect.anything()] },
  });
  const { body: tools } = await api.call("GET", "/v1/tools", { key: tenant.key });
  const { properties } = tools.openai[0].function.parameters;
  expect(properties.expand.properties).toHaveProperty("section");
  expect(properties.rerank.properties).toHaveProperty("top_n");
});

test("MCP's search does the same", async () => {
  const params = { name: "search", arguments: { query: "kettle", rerank: { top_n: 5 }, expand: { section: true } } };
  const { body } = await post("/mcp", { jsonrpc: "2.0", id: 1, method: "tools/call", params });
  const { rerank, results } = body.result.structuredContent;
  expect(rerank).toMatchObject({ applied: true });
  expect(results[0]).toMatchObject({ rerank_score: expect.any(Number), expanded: { start: 0 } });
});

test("chat gives the model the text around each passage, and cites the text that the model read", async () => {
  chat.script({ kind: "text", pieces: ["So it says [1]."] });
  const body = {
    ...question("lamp number 2"),
    group_by: "passage",
    top_k: 1,
    rerank: {},
    expand: { before: 1, after: 1 },
  };
  const { body: answer } = await post("/v1/chat", body);
  const received = JSON.parse(chat.requests.at(-1)?.messages.at(-1)?.content ?? "");
  expect(received.passages[0].content).toBe(answer.citations[0].content);
  const { start, end } = answer.citations[0].expanded;
  expect(answer.citations[0]).toMatchObject({ number: 1, id: "manual", content: MANUAL.slice(start, end) });
  expect(answer.rerank).toMatchObject({ applied: true });
});

test("a passage that a later search of a chat finds with another text has a number of its own", async () => {
  const call = (query: string) => ({
    name: "search",
    arguments: JSON.stringify({ query, group_by: "passage", top_k: 2 }),
  });
  chat.script(
    { kind: "calls", calls: [call("lamp number 2 number 3")] },
    { kind: "text", pieces: ["One [1], two [2], three [3]."] },
  );
  const body = { ...question("Fact 2"), group_by: "passage", top_k: 1, expand: { after: 1 } };
  const { body: answer } = await post("/v1/chat", body);
  const contents = chat.requests
    .at(-1)
    ?.messages.filter(({ role }) => role === "tool")
    .flatMap(({ content }) => JSON.parse(content ?? "").passages);
  for (const citation of answer.citations) {
    const received = contents?.find(({ number }) => number === citation.number);
    expect(received.content).toBe(citation.content);
    const { start, end } = citation.expanded;
    expect(citation.content).toBe(DOCUMENTS.find(({ id }) => id === citation.id)?.content.slice(start, end));
  }
});

test("a chat whose model asks for rerank or expand searches as its caller requested", async () => {
  const sent = server.requests.length;
  const wish = JSON.stringify({ query: "lamp", rerank: { model: "costly" }, expand: { section: true } });
  chat.script({ kind: "calls", calls: [{ name: "search", arguments: wish }] }, { kind: "text", pieces: ["So [1]."] });
  const { body } = await post("/v1/chat", question("kettle"));
  expect(server.requests).toHaveLength(sent);
  expect(body).not.toHaveProperty("rerank");
  expect(JSON.stringify(chat.requests.at(-1)?.tools)).not.toMatch(/rerank|expand/);
});

test("a streamed chat says with its passages that the model was not applied", async () => {
  server.script({ kind: "status", status: 401 });
  const { text } = await post("/v1/chat", { ...question("kettle"), rerank: {}, stream: true });
  const [passages] = /^data: .*$/m.exec(text) ?? [];
  expect(JSON.parse(passages?.slice(6) ?? "")).toMatchObject({ rerank: { applied: false, reason: "failed" } });
  expect(text).toMatch(/event: done\ndata: .*"rerank":\{"applied":false/);
});

test("tokens count against the tenant's budget, and a used-up budget leaves the order of the search", async () => {
  const limited = await createTestApi(testDatabase.database, { reranker: reranker(), embeddingTokensPerDay: 60 });
  const { key } = await limited.addTenant();
  await putDocuments(key, limited.call);
  const ask = async () => {
    const body = { query: "kettle", mode: "keyword", rerank: {} };
    return (await limited.call("POST", "/v1/query", { key, body })).body.rerank;
  };
  server.script({ kind: "status", status: 401 });
  expect(await ask()).toMatchObject({ applied: false, reason: "failed" }); // costs nothing
  const outcomes = [await ask(), await ask(), await ask(), await ask()];
  const applied = outcomes.filter((outcome) => outcome.applied).length;
  expect(applied).toBe(2); // about 25 tokens each: two passages, and the query with each
  expect(outcomes.at(-1)).toMatchObject({ reason: "budget", detail: expect.stringContaining("cannot be reranked") });
});

test("calls, tokens and failures are counted in the log and the metrics, without texts", async () => {
  const { lines, log } = captureLog();
  const counted = await createTestApi(testDatabase.database, { log, metrics: createMetrics(), reranker: reranker() });
  const body = { query: "kettle", mode: "keyword", rerank: {} };
  const ask = () => counted.call("POST", "/v1/query", { key: tenant.key, body });
  await ask();
  server.script({ kind: "status", status: 401 });
  await ask();
  const [applied, failed] = lines.map((line) => JSON.parse(line));
  expect(applied).toMatchObject({ reranks: 1, rerank_tokens: expect.any(Number) });
  expect(applied).not.toHaveProperty("rerank_failures");
  expect(failed).toMatchObject({ rerank_failures: 1 });
  expect(failed).not.toHaveProperty("reranks");
  const { text } = await counted.call("GET", "/metrics");
  expect(text).toContain('cairn_reranks_total{outcome="applied"} 1');
  expect(text).toContain('cairn_reranks_total{outcome="failed"} 1');
  expect(text).toContain(`cairn_rerank_tokens_total ${applied.rerank_tokens}`);
  expect(lines.join("\n") + text).not.toMatch(/kettle|key-9b1f3c/);
});
