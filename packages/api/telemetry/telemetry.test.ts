import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { propagation, SpanStatusCode, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { createTestApi, type TestApi } from "../../../test/support/api.ts";
import { type ChatApi, startChatApi } from "../../../test/support/chat-api.ts";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { startIssuer } from "../../../test/support/issuer.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import type { RequestRecord } from "./record.ts";

const CANARY = "canary-9b1f3c";

let own: TestDatabase;
let chat: ChatApi;
beforeAll(async () => {
  [own, chat] = await Promise.all([createTestDatabase(), startChatApi()]);
});
afterAll(async () => {
  await own?.drop();
  await chat?.stop();
});

const chatModel = (apiKey = "sk-chat") =>
  createChatModel({ model: "scripted", apiKey, baseUrl: chat.url, attempts: 1, idleTimeout: 400 });
const question = (content: string, stream?: boolean) => ({ messages: [{ role: "user", content }], stream });

/** A log whose lines are kept, and whatever is printed past it. */
function keepLog() {
  const lines: string[] = [];
  const print = vi.spyOn(console, "error").mockImplementation((...given) => void lines.push(given.join(" ")));
  onTestFinished(() => print.mockRestore());
  return { lines, log: createLog({ write: (line) => lines.push(line) }) };
}

test("a line a request: who, what, how long, how many; never a text, a vector, an address or a secret", async () => {
  const lines: string[] = [];
  const log = createLog({ write: (line) => lines.push(line) });
  const embeddings = await startEmbeddingApi();
  const embedding = {
    openai: { apiKey: `sk-${CANARY}`, baseUrl: embeddings.url },
    requests: { attempts: 1, attemptTimeout: 5_000 },
  };
  const api = await createTestApi(own.database, { log, embedding });
  const { key, id: tenantId } = await api.addTenant();
  const call = (method: string, path: string, body?: unknown, raw?: string) =>
    api.call(method, path, { key, body, raw, headers: { "X-Request-Id": "request-12345678" } });
  const vector = Array.from({ length: 1536 }, (_, n) => 0.123456 + n);
  await call("POST", "/v1/documents", {
    documents: [
      {
        id: `id ${CANARY}`,
        content: `text ${CANARY}`,
        metadata: { secret: CANARY },
        uri: `https://x/${CANARY}`,
      },
      { id: "v", content: CANARY, embedding: vector },
    ],
  });
  await call("POST", "/v1/query", { query: `what is ${CANARY}`, filter: { secret: CANARY } });
  await call("POST", "/v1/query", { query_embedding: vector });
  await call("GET", `/v1/documents/${encodeURIComponent(`id ${CANARY}`)}?collection=${CANARY}`);
  await call("GET", `/v1/documents?filter=${encodeURIComponent(`{"${CANARY}": {"$bad": 1}}`)}`);
  await call("POST", "/v1/query", { [CANARY]: 1 });
  await call("POST", "/v1/query", undefined, `{"${CANARY}`);
  await call("GET", `/${CANARY}`);
  await api.call("GET", "/v1/keys", { key: `cairn_${CANARY}` });
  await call("POST", "/v1/chat", { messages: [{ role: "user", content: CANARY }] });
  embeddings.always({ kind: "status", status: 500, message: `cannot embed ${CANARY}` });
  await call("POST", "/v1/query", { query: `fails with ${CANARY}` });
  embeddings.always(null);
  // What nobody expects: a failure whose message quotes what was sent.
  const broken = { ...own.database, read: () => Promise.reject(new Error(`exploded at ${CANARY} 0.123456`)) };
  const failing = await createTestApi(broken as never, { log });
  expect((await failing.call("POST", "/v1/query", { key, body: { query_embedding: vector } })).status).toBe(
    500,
  );
  await embeddings.stop();

  expect(lines.length).toBeGreaterThanOrEqual(13);
  const all = lines.join("");
  for (const secret of [CANARY, "0.123456", key, key.slice(6, 30)]) expect(all).not.toContain(secret);
  const records = lines.map((line) => JSON.parse(line));
  expect(records[0]).toMatchObject({
    message: "request",
    request_id: "request-12345678",
    tenant: tenantId,
    method: "POST",
    route: "/v1/documents",
    status: 200,
    rows: 2,
    tokens: expect.any(Number),
    ms: expect.any(Number),
  });
  expect(records[0].tokens).toBeGreaterThan(3);
  expect(records[3]).toMatchObject({ route: "/v1/documents/:document", status: 404, code: "not_found" });
  expect(records.filter(({ message }) => message === "failure")).toEqual([
    expect.objectContaining({ error: expect.objectContaining({ name: "Error", at: expect.any(Array) }) }),
  ]);
});

test("nor do the lines of what holds most text: chat, streams, tools, jobs, tokens of an issuer", async () => {
  const { lines, log } = keepLog();
  const [embeddings, issuer] = await Promise.all([startEmbeddingApi(), startIssuer()]);
  const { variables } = issuer;
  const jwt = {
    jwksUrl: variables.CAIRN_JWT_JWKS_URL as string,
    issuer: variables.CAIRN_JWT_ISSUER as string,
    audience: variables.CAIRN_JWT_AUDIENCE as string,
    tenantClaim: "org",
  };
  const embedding = {
    openai: { apiKey: `sk-${CANARY}`, baseUrl: embeddings.url },
    requests: { attempts: 1, attemptTimeout: 5_000 },
  };
  const options = { log, embedding, chatModel: chatModel(`sk-${CANARY}`), jwt };
  const api = await createTestApi(own.database, options);
  const { key, id: tenantId } = await api.addTenant();
  const post = (path: string, body: object, credential = key) =>
    api.call("POST", path, { key: credential, body });
  const documents = [{ id: `id ${CANARY}`, content: `text ${CANARY}`, metadata: { secret: CANARY } }];
  await post("/v1/documents", { documents });

  await post("/v1/tools/search", { query: `find ${CANARY}`, filter: { secret: CANARY } });
  await post("/v1/tools/search", { query: CANARY, filter: { [CANARY]: { $bad: CANARY } } });
  await post("/v1/tools/search", { query: CANARY, [CANARY]: CANARY });
  for (const stream of [false, true]) {
    const ask = () => post("/v1/chat", question(`what is ${CANARY}`, stream));
    chat.script({ kind: "text", pieces: [`It is ${CANARY} `, "[1]."] });
    expect((await ask()).text).toContain(CANARY);
    chat.script({ kind: "calls", calls: [{ name: CANARY, arguments: `{"query":"${CANARY}` }] });
    expect((await ask()).status).toBe(200);
    for (const failing of [
      { kind: "status", status: 500, message: `cannot say ${CANARY}` },
      { kind: "status", status: 400, message: `bad ${CANARY}`, code: CANARY },
      { kind: "error", after: [`It is ${CANARY}`], message: `broke at ${CANARY}` },
      { kind: "drop", after: [`It is ${CANARY}`] },
      { kind: "hang", after: [`It is ${CANARY}`] },
      { kind: "half", after: [`It is ${CANARY}`] },
      { kind: "garbage" },
    ] as const) {
      chat.script(failing);
      expect((await ask()).text).toContain('"code":"chat_failed"');
    }
  }
  expect(JSON.stringify(chat.requests)).toContain(CANARY);

  const ended = async (body: object) => {
    const { headers } = await post("/v1/documents/bulk", body);
    const { text } = await api.call("GET", `${headers.get("Location")}/events`, { key });
    return text;
  };
  expect(await ended({ documents })).toContain('"completed"');
  embeddings.always({ kind: "status", status: 500, message: `cannot embed ${CANARY}` });
  expect(await ended({ documents: [{ id: CANARY, content: `anew ${CANARY}` }] })).toContain('"failed"');
  embeddings.always(null);

  const token = await issuer.token(tenantId, { sub: CANARY, [CANARY]: CANARY });
  expect((await post("/v1/tools/search", { query: CANARY }, token)).status).toBe(200);
  for (const bad of [
    await issuer.token(CANARY, { sub: CANARY }),
    await issuer.token(tenantId, { iss: CANARY }),
    await issuer.token(tenantId, { aud: CANARY }),
    `${token}${CANARY}`,
  ])
    expect((await post("/v1/tools/search", { query: CANARY }, bad)).status).toBe(401);
  const elsewhere = { ...jwt, jwksUrl: `http://127.0.0.1:9/${CANARY}` };
  const unreadable = await createTestApi(own.database, { ...options, jwt: elsewhere });
  expect((await unreadable.call("GET", "/v1/collections", { key: token })).status).toBe(503);

  // What nobody expects, at each of these.
  const exploding = failsAt(2, new TypeError(`exploded at ${CANARY}`));
  const failing = await createTestApi(exploding.database, options);
  const expectFailure = async (path: string, body: object, text: string) => {
    exploding.begin();
    expect((await failing.call("POST", path, { key, body })).text, path).toContain(text);
  };
  chat.script({ kind: "calls", calls: [{ name: "search", arguments: `{"query":"${CANARY}"}` }] });
  await expectFailure("/v1/chat", question(CANARY, true), "event: error");
  chat.script({ kind: "calls", calls: [{ name: "search", arguments: `{"query":"${CANARY}"}` }] });
  await expectFailure("/v1/chat", question(CANARY), "internal_error");
  await Promise.all([embeddings.stop(), issuer.stop()]);

  const all = lines.join("");
  for (const secret of [CANARY, key, key.slice(6, 30), token.slice(0, 40)]) expect(all).not.toContain(secret);
  const records = lines.map((line) => JSON.parse(line)); // nothing was printed past the log
  const routes = new Set(records.map(({ route }) => route));
  for (const route of ["/v1/chat", "/v1/tools/search", "/v1/documents/bulk", "/v1/jobs/:job/events"])
    expect(routes).toContain(route);
  expect(records.filter(({ message }) => message === "failure").map(({ error }) => error.name)).toEqual([
    "TypeError",
    "TypeError",
  ]);
});

/** The database, which throws the error at the read of this number since `begin`. */
function failsAt(number: number, error: Error) {
  let reads = number;
  const database: Database = {
    ...own.database,
    read: (...given) => (++reads === number ? Promise.reject(error) : own.database.read(...given)),
  };
  return {
    database,
    begin() {
      reads = 0;
    },
  };
}

async function openStream(api: TestApi, key: string, body: object) {
  const answer = await api.app.request("/v1/chat", {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const reader = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  return {
    async rest() {
      let text = "";
      for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
      return text;
    },
    read: () => reader.read(),
    leave: () => reader.cancel(),
  };
}

test("a request that fails on the server's side is logged as an error, one that succeeds as information", async () => {
  const { lines, log } = keepLog();
  const api = await createTestApi(own.database, { log, chatModel: chatModel() });
  const { key } = await api.addTenant();
  chat.script({ kind: "status", status: 401, message: "no" });
  lines.length = 0;
  await api.call("GET", "/v1/collections", { key });
  expect((await api.call("POST", "/v1/chat", { key, body: question("words", false) })).status).toBe(502);
  const records = lines.map((line) => JSON.parse(line));
  expect(records.map(({ level, status }) => [level, status])).toEqual([
    [30, 200],
    [50, 502],
  ]);
});

test("a streamed answer is recorded when it ends: its time, its hits and tokens, and the code where it failed", async () => {
  const { lines, log } = keepLog();
  const api = await createTestApi(own.database, { log, chatModel: chatModel() });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
  lines.length = 0;
  chat.script(
    { kind: "calls", calls: [{ name: "search", arguments: '{"query":"words"}' }] },
    { kind: "hang", after: ["So"] },
  );
  const started = performance.now();
  const stream = await openStream(api, key, question("words", true));
  await stream.read();
  expect(lines).toEqual([]); // it has begun, and is not over
  expect(await stream.rest()).toContain('"code":"chat_failed"');
  const took = performance.now() - started;
  const records = lines.map((line) => JSON.parse(line));
  expect(records).toEqual([
    expect.objectContaining({ route: "/v1/chat", status: 200, code: "chat_failed", rows: 2 }),
  ]);
  expect(records[0]).toMatchObject({ input_tokens: 100, output_tokens: 10 });
  expect(records[0].ms).toBeGreaterThan(350);
  expect(records[0].ms).toBeLessThanOrEqual(took);

  await vi.waitFor(() => expect(chat.hanging()).toBe(0), 10_000);
  lines.length = 0;
  chat.script({ kind: "hang", after: ["So"] });
  const left = await openStream(api, key, question("words", true));
  await vi.waitFor(() => expect(chat.hanging()).toBe(1), 10_000);
  await left.leave();
  await vi.waitFor(() => expect(lines).toHaveLength(1));
  expect(JSON.parse(lines[0] as string)).not.toHaveProperty("code"); // whoever asked has gone: that is no failure
});

test("what nobody expected within a stream is logged under the id that the caller is told to report", async () => {
  const { lines, log } = keepLog();
  const { database, begin } = failsAt(2, new TypeError("oops"));
  const api = await createTestApi(database, { log, chatModel: chatModel() });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
  lines.length = 0;
  begin();
  chat.script({ kind: "calls", calls: [{ name: "search", arguments: '{"query":"words"}' }] });
  const { text } = await api.call("POST", "/v1/chat", { key, body: question("words", true) });
  const [, told = ""] = /^event: error\ndata: (.*)$/m.exec(text) ?? [];
  const { code, request_id } = JSON.parse(told);
  expect(code).toBe("internal_error");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { message: "failure", request_id, error: { name: "TypeError", at: expect.any(Array) } },
    { message: "request", request_id, status: 200, code, rows: 1, input_tokens: 100, output_tokens: 10 },
  ]);
});

test("the chat model's tokens are counted, streamed or not, and beside those of embedding", async () => {
  const { lines, log } = keepLog();
  const api = await createTestApi(own.database, { log, metrics: createMetrics(), chatModel: chatModel() });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
  lines.length = 0;
  for (const stream of [false, true]) {
    chat.script({ kind: "calls", calls: [{ name: "search", arguments: '{"query":"words"}' }] });
    await api.call("POST", "/v1/chat", { key, body: question("words", stream) });
  }
  await api.call("POST", "/v1/query", { key, body: { query: "words" } });
  const [whole, streamed, query] = lines.map((line) => JSON.parse(line));
  for (const record of [whole, streamed])
    expect(record).toMatchObject({ route: "/v1/chat", input_tokens: 200, output_tokens: 20 });
  expect(query).not.toHaveProperty("input_tokens");
  const { text } = await api.call("GET", "/metrics");
  expect(text).toContain('cairn_chat_tokens_total{type="input"} 400');
  expect(text).toContain('cairn_chat_tokens_total{type="output"} 40');
});

test("metrics count requests by route and status, and never by what a caller wrote", async () => {
  const api = await createTestApi(own.database, { metrics: createMetrics() });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
  for (const n of [1, 2, 3]) await api.call("GET", `/v1/documents/missing-${n}`, { key });
  await api.call("GET", `/no/such/${CANARY}`);
  const { text, headers } = await api.call("GET", "/metrics");
  expect(headers.get("Content-Type")).toContain("text/plain");
  expect(text).toContain(
    'cairn_request_seconds_count{method="GET",route="/v1/documents/:document",status="404"} 3',
  );
  expect(text).toContain('cairn_request_seconds_count{method="POST",route="/v1/documents",status="200"} 1');
  expect(text).toContain('cairn_rows_total{route="/v1/documents"} 1');
  expect(text).toMatch(/^process_cpu_seconds_total /m);
  expect(text).not.toMatch(new RegExp(`${CANARY}|missing-1`));
});

test("observers are told of every request", async () => {
  const seen: RequestRecord[] = [];
  const api = await createTestApi(own.database, { observers: [(record) => seen.push(record)] });
  await api.call("GET", "/health");
  await api.call("GET", "/v1/keys");
  expect(seen.map(({ route, status, code }) => [route, status, code])).toEqual([
    ["/health", 200, undefined],
    ["/v1/keys", 401, "unauthorized"],
  ]);
});

test("a request is a span where a tracer is set up, with its route and no address", async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider(provider);
  try {
    const api = await createTestApi(own.database);
    const { key } = await api.addTenant();
    await api.call("GET", `/v1/documents/${CANARY}?collection=${CANARY}`, { key });
    const [span] = exporter.getFinishedSpans();
    expect(span?.name).toContain("/v1/documents/:document");
    expect(span?.attributes["http.response.status_code"]).toBe(404);
    expect(JSON.stringify(span?.attributes)).not.toMatch(new RegExp(key));
    expect(JSON.stringify(span?.attributes)).not.toContain(CANARY);
  } finally {
    await provider.shutdown();
    trace.disable();
  }
});

test("a caller's own trace goes on in the request's span", async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider(provider);
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  try {
    const api = await createTestApi(own.database);
    const [traceId, spanId] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];
    await api.call("GET", "/health", { headers: { traceparent: `00-${traceId}-${spanId}-01` } });
    await api.call("GET", "/health");
    const [span, other] = exporter.getFinishedSpans();
    expect(span?.spanContext().traceId).toBe(traceId);
    expect(span?.parentSpanContext?.spanId).toBe(spanId);
    expect(other?.spanContext().traceId).not.toBe(traceId);
    expect(other?.parentSpanContext).toBeUndefined();
  } finally {
    await provider.shutdown();
    propagation.disable();
    trace.disable();
  }
});

test("the span of a streamed answer ends with it, and tells that it failed", async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider(provider);
  try {
    const api = await createTestApi(own.database, { chatModel: chatModel() });
    const { key } = await api.addTenant();
    await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
    exporter.reset();
    chat.script({ kind: "hang", after: ["So"] });
    const stream = await openStream(api, key, question("words", true));
    await stream.read();
    expect(exporter.getFinishedSpans()).toEqual([]);
    await stream.rest();
    const [span] = exporter.getFinishedSpans();
    expect(span?.attributes).toMatchObject({ "http.route": "/v1/chat", "http.response.status_code": 200 });
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
  } finally {
    await provider.shutdown();
    trace.disable();
  }
});
