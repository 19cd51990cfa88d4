import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { propagation, SpanStatusCode, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { expect, onTestFinished, test, vi } from "vitest";
import { createTestApi, type TestApi } from "../../../test/support/api.ts";
import { startChatApi } from "../../../test/support/chat-api.ts";
import { startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { useServer, useTestDatabase } from "../../../test/support/fixture.ts";
import { startIssuer } from "../../../test/support/issuer.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import type { RequestRecord } from "./record.ts";

const CANARY = "canary-9b1f3c";

const testDatabase = useTestDatabase();
const chat = useServer(startChatApi);

const chatModel = (apiKey = "sk-chat") =>
  createChatModel({ model: "scripted", apiKey, baseUrl: chat.url, attempts: 1, idleTimeout: 400 });
const question = (content: string, stream?: boolean) => ({ messages: [{ role: "user", content }], stream });

/** Captures the lines of a log and everything printed to console.error. */
function captureLog() {
  const lines: string[] = [];
  const print = vi.spyOn(console, "error").mockImplementation((...args) => void lines.push(args.join(" ")));
  onTestFinished(() => print.mockRestore());
  return { lines, log: createLog({ write: (line) => lines.push(line) }) };
}

test("each request is one log line with tenant, route, duration and counts, without texts, vectors, URLs or secrets", async () => {
  const lines: string[] = [];
  const log = createLog({ write: (line) => lines.push(line) });
  const embeddings = await startEmbeddingApi();
  const embedding = {
    openai: { apiKey: `sk-${CANARY}`, baseUrl: embeddings.url },
    requests: { attempts: 1, attemptTimeout: 5_000 },
  };
  const api = await createTestApi(testDatabase.database, { log, embedding });
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
  // An unexpected error whose message quotes the request.
  const failingDatabase = {
    ...testDatabase.database,
    read: () => Promise.reject(new Error(`exploded at ${CANARY} 0.123456`)),
  };
  const failing = await createTestApi(failingDatabase as never, { log });
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

test("log lines of chat, streams, tools, jobs and issuer tokens contain no texts or secrets", async () => {
  const { lines, log } = captureLog();
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
  const api = await createTestApi(testDatabase.database, options);
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

  const runJob = async (body: object) => {
    const { headers } = await post("/v1/documents/bulk", body);
    const { text } = await api.call("GET", `${headers.get("Location")}/events`, { key });
    return text;
  };
  expect(await runJob({ documents })).toContain('"completed"');
  embeddings.always({ kind: "status", status: 500, message: `cannot embed ${CANARY}` });
  expect(await runJob({ documents: [{ id: CANARY, content: `again ${CANARY}` }] })).toContain('"failed"');
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
  const unreadable = await createTestApi(testDatabase.database, { ...options, jwt: elsewhere });
  expect((await unreadable.call("GET", "/v1/collections", { key: token })).status).toBe(503);

  // An unexpected error in each of these.
  const exploding = failAtRead(2, new TypeError(`exploded at ${CANARY}`));
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
  const records = lines.map((line) => JSON.parse(line)); // fails if anything was printed outside the log
  const routes = new Set(records.map(({ route }) => route));
  for (const route of ["/v1/chat", "/v1/tools/search", "/v1/documents/bulk", "/v1/jobs/:job/events"])
    expect(routes).toContain(route);
  expect(records.filter(({ message }) => message === "failure").map(({ error }) => error.name)).toEqual([
    "TypeError",
    "TypeError",
  ]);
});

/** The test database, which throws the error at this read after `begin`. */
function failAtRead(number: number, error: Error) {
  let reads = number;
  const database: Database = {
    ...testDatabase.database,
    read: (...args) => (++reads === number ? Promise.reject(error) : testDatabase.database.read(...args)),
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
    cancel: () => reader.cancel(),
  };
}

test("a server error is logged with level error, a success with level info", async () => {
  const { lines, log } = captureLog();
  const api = await createTestApi(testDatabase.database, { log, chatModel: chatModel() });
  const { key } = await api.addTenant();
  chat.script({ kind: "status", status: 401, message: "no" });
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
  lines.length = 0;
  await api.call("GET", "/v1/collections", { key });
  expect((await api.call("POST", "/v1/chat", { key, body: question("words", false) })).status).toBe(502);
  const records = lines.map((line) => JSON.parse(line));
  expect(records.map(({ level, status }) => [level, status])).toEqual([
    [30, 200],
    [50, 502],
  ]);
});

test("a streamed response is recorded at its end with duration, hits, tokens, and the code of a failure", async () => {
  const { lines, log } = captureLog();
  const api = await createTestApi(testDatabase.database, { log, chatModel: chatModel() });
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
  expect(lines).toEqual([]); // the stream has started but not ended
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
  const abandoned = await openStream(api, key, question("words", true));
  await vi.waitFor(() => expect(chat.hanging()).toBe(1), 10_000);
  await abandoned.cancel();
  await vi.waitFor(() => expect(lines).toHaveLength(1));
  expect(JSON.parse(lines[0] as string)).not.toHaveProperty("code"); // a caller that disconnects is not a failure
});

test("an unexpected error in a stream is logged with the request id that the caller sees", async () => {
  const { lines, log } = captureLog();
  const { database, begin } = failAtRead(2, new TypeError("oops"));
  const api = await createTestApi(database, { log, chatModel: chatModel() });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
  lines.length = 0;
  begin();
  chat.script({ kind: "calls", calls: [{ name: "search", arguments: '{"query":"words"}' }] });
  const { text } = await api.call("POST", "/v1/chat", { key, body: question("words", true) });
  const [, eventData = ""] = /^event: error\ndata: (.*)$/m.exec(text) ?? [];
  const { code, request_id } = JSON.parse(eventData);
  expect(code).toBe("internal_error");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { message: "failure", request_id, error: { name: "TypeError", at: expect.any(Array) } },
    { message: "request", request_id, status: 200, code, rows: 1, input_tokens: 100, output_tokens: 10 },
  ]);
});

test("tokens of the chat model are counted, streamed or not, separately from embedding tokens", async () => {
  const { lines, log } = captureLog();
  const api = await createTestApi(testDatabase.database, {
    log,
    metrics: createMetrics(),
    chatModel: chatModel(),
  });
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/documents", { key, body: { documents: [{ id: "a", content: "words" }] } });
  lines.length = 0;
  for (const stream of [false, true]) {
    chat.script({ kind: "calls", calls: [{ name: "search", arguments: '{"query":"words"}' }] });
    await api.call("POST", "/v1/chat", { key, body: question("words", stream) });
  }
  await api.call("POST", "/v1/query", { key, body: { query: "words" } });
  const [unstreamed, streamed, query] = lines.map((line) => JSON.parse(line));
  for (const record of [unstreamed, streamed])
    expect(record).toMatchObject({ route: "/v1/chat", input_tokens: 200, output_tokens: 20 });
  expect(query).not.toHaveProperty("input_tokens");
  const { text } = await api.call("GET", "/metrics");
  expect(text).toContain('cairn_chat_tokens_total{type="input"} 400');
  expect(text).toContain('cairn_chat_tokens_total{type="output"} 40');
});

test("metrics have the route and status as labels, and no input of a caller", async () => {
  const api = await createTestApi(testDatabase.database, { metrics: createMetrics() });
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

test("observers receive every request", async () => {
  const seen: RequestRecord[] = [];
  const api = await createTestApi(testDatabase.database, { observers: [(record) => seen.push(record)] });
  await api.call("GET", "/health");
  await api.call("GET", "/v1/keys");
  expect(seen.map(({ route, status, code }) => [route, status, code])).toEqual([
    ["/health", 200, undefined],
    ["/v1/keys", 401, "unauthorized"],
  ]);
});

test("a request is a span with its route and without its URL", async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider(provider);
  try {
    const api = await createTestApi(testDatabase.database);
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

test("the span of a request continues the trace of the caller", async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider(provider);
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  try {
    const api = await createTestApi(testDatabase.database);
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

test("the span of a streamed response ends with the stream and has its error status", async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider(provider);
  try {
    const api = await createTestApi(testDatabase.database, { chatModel: chatModel() });
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
