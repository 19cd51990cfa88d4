import { trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import type { RequestRecord } from "./record.ts";

const CANARY = "canary-9b1f3c";

let own: TestDatabase;
beforeAll(async () => {
  own = await createTestDatabase();
});
afterAll(() => own?.drop());

test("a line a request: who, what, how long, how many; never a text, a vector, an address or a secret", async () => {
  const lines: string[] = [];
  const log = createLog({ write: (line) => lines.push(line) });
  const embeddings = await startEmbeddingApi();
  const embedding = {
    openai: { apiKey: `sk-${CANARY}`, baseUrl: embeddings.url },
    requests: { attempts: 1, attemptTimeout: 300 },
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
