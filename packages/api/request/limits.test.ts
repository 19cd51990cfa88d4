import { expect, test } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { useServer, useTestDatabase } from "../../../test/support/fixture.ts";

const testDatabase = useTestDatabase();
const embeddings = useServer(startEmbeddingApi);
const withEmbeddings = () => ({ embedding: { openai: { apiKey: "sk-test", baseUrl: embeddings.url } } });
const texts = (count: number, mark: string) => ({
  documents: Array.from({ length: count }, (_, n) => ({
    id: `${mark}-${n}`,
    content: `${mark} number ${n}`,
  })),
});

test("a body over the limit is answered 413 with or without a Content-Length, and nothing is written", async () => {
  const api = await createTestApi(testDatabase.database, { maxBody: 10_000 });
  const { key } = await api.addTenant();
  const body = { documents: [{ id: "large", content: "x".repeat(10_001) }] };
  const withLength = await api.call("POST", "/v1/documents", { key, body });
  expect(withLength).toMatchObject({ status: 413, body: { code: "body_too_large" } });
  const stream = new Blob([JSON.stringify(body)]).stream();
  const withoutLength = await api.app.request(
    new Request("http://cairn/v1/documents", {
      method: "POST",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: stream,
      duplex: "half",
    } as RequestInit),
  );
  expect(withoutLength.status).toBe(413);
  expect((await api.call("GET", "/v1/collections", { key })).body.collections).toEqual([]);
});

test("a tenant beyond its rate limit is answered 429 with Retry-After, other tenants are not, and a custom limit applies", async () => {
  const api = await createTestApi(testDatabase.database, { requestsPerMinute: 5 });
  const [a, b, custom] = [await api.addTenant(), await api.addTenant(), await api.addTenant()];
  const ask = (key: string) => api.call("GET", "/v1/collections", { key });
  for (let left = 4; left >= 0; left--)
    expect((await ask(a.key)).headers.get("RateLimit-Remaining")).toBe(String(left));
  const refused = await ask(a.key);
  expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
  expect(Number(refused.headers.get("Retry-After"))).toBeLessThanOrEqual(60);
  expect((await ask(b.key)).status).toBe(200);
  const limits = { requests_per_minute: 7 };
  await api.call("PATCH", `/v1/tenants/${custom.id}`, { key: api.operator, body: { limits } });
  expect((await ask(custom.key)).headers.get("RateLimit-Limit")).toBe("7");
});

test("daily embedding tokens are reserved before texts are sent, and cached texts cost nothing", async () => {
  const api = await createTestApi(testDatabase.database, { ...withEmbeddings(), embeddingTokensPerDay: 100 });
  const { key } = await api.addTenant();
  const before = embeddings.billed.length;
  expect((await api.call("POST", "/v1/documents", { key, body: texts(10, "spend") })).status).toBe(200);
  const billed = embeddings.billed.length - before;
  expect(billed).toBe(10);
  const refused = await api.call("POST", "/v1/documents", { key, body: texts(30, "more") });
  expect(refused).toMatchObject({ status: 429, body: { code: "budget_exceeded" } });
  expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
  expect(embeddings.billed.length - before).toBe(10); // nothing was sent
  expect((await api.call("POST", "/v1/documents", { key, body: texts(10, "spend") })).status).toBe(200);
  expect(embeddings.billed.length - before).toBe(10);
  expect((await api.call("POST", "/v1/query", { key, body: { query: "number" } })).status).toBe(200);
});

test("concurrent requests do not exceed the token budget", async () => {
  const api = await createTestApi(testDatabase.database, { ...withEmbeddings(), embeddingTokensPerDay: 25 });
  const { key } = await api.addTenant();
  const body = (n: number) => ({
    documents: [{ id: `d${n}`, content: `parallel ${n} spend of some words` }],
  });
  await api.call("POST", "/v1/collections", { key, body: { name: "knowledge" } });
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, n) => api.call("POST", "/v1/documents", { key, body: body(n) })),
  );
  const counts = Object.groupBy(answers, ({ status }) => String(status));
  expect(counts[200]?.length).toBeGreaterThanOrEqual(2);
  expect(counts[200]?.length).toBeLessThanOrEqual(5);
  expect((counts[200]?.length ?? 0) + (counts[429]?.length ?? 0)).toBe(12);
});

test("tokens of a failed embedding request are returned to the budget", async () => {
  const embedding = { openai: { apiKey: "sk-test", baseUrl: embeddings.url }, requests: { attempts: 1 } };
  const api = await createTestApi(testDatabase.database, { embedding, embeddingTokensPerDay: 12 });
  const { key } = await api.addTenant();
  const body = { documents: [{ id: "a", content: "refused at first, taken then" }] };
  embeddings.script({ kind: "status", status: 500 }, { kind: "status", status: 500 });
  expect((await api.call("POST", "/v1/documents", { key, body })).status).toBe(502);
  expect((await api.call("POST", "/v1/documents", { key, body })).status).toBe(200);
});

test("other origins need a CORS setting, and responses have security headers", async () => {
  const preflight = { Origin: "https://shop.example.com", "Access-Control-Request-Method": "POST" };
  const withoutCors = await createTestApi(testDatabase.database);
  const refused = await withoutCors.call("OPTIONS", "/v1/query", { headers: preflight });
  expect(refused.headers.get("Access-Control-Allow-Origin")).toBeNull();
  const health = await withoutCors.call("GET", "/health", { headers: preflight });
  expect(health.headers.get("Access-Control-Allow-Origin")).toBeNull();
  expect(health.headers.get("X-Content-Type-Options")).toBe("nosniff");
  expect(health.headers.get("Strict-Transport-Security")).toContain("max-age");
  const withCors = await createTestApi(testDatabase.database, { corsOrigins: ["https://shop.example.com"] });
  const allowed = await withCors.call("OPTIONS", "/v1/query", { headers: preflight });
  expect(allowed.headers.get("Access-Control-Allow-Origin")).toBe("https://shop.example.com");
  const otherOrigin = await withCors.call("OPTIONS", "/v1/query", {
    headers: { ...preflight, Origin: "https://evil.example.com" },
  });
  expect(otherOrigin.headers.get("Access-Control-Allow-Origin")).toBeNull();
});
