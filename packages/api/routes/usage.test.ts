import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { ChromaClient } from "chromadb";
import { expect, test, vi } from "vitest";
import { serveTestApi, useTestApi } from "../../../test/support/api.ts";
import { startChatApi } from "../../../test/support/chat-api.ts";
import { chromaOptions } from "../../../test/support/chroma-api.ts";
import { startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { useResource, useServer, useTestDatabase } from "../../../test/support/fixture.ts";

const testDatabase = useTestDatabase();
const embeddings = useServer(startEmbeddingApi);
const chat = useServer(startChatApi);
const api = useTestApi(testDatabase, () => ({
  ...chromaOptions(),
  embedding: { openai: { apiKey: "k", baseUrl: embeddings.url } },
  chatModel: createChatModel({ model: "scripted", apiKey: "k", baseUrl: chat.url }),
  credentialCacheMs: 1,
}));
const tenant = useResource(() => api.addTenant('=acme, "Inc"'));
const other = useResource(() => api.addTenant("other"));
const today = () => new Date().toISOString().slice(0, 10);

const usageOf = async (key: string, query = "") => (await api.call("GET", `/v1/usage${query}`, { key })).body;
const post = (path: string, body: object, key = tenant.key) => api.call("POST", path, { key, body });
const patch = (id: string, limits: object) =>
  api.call("PATCH", `/v1/tenants/${id}`, { key: api.operator, body: { limits } });

test("requests, searches and tokens of each model are counted, of /v1 and of Chroma's API, refused requests included", async () => {
  const { key } = await api.addTenant("counted");
  await post("/v1/documents", { documents: [{ id: "a", content: "a kettle" }] }, key);
  await post("/v1/query", { queries: [{ query: "kettle" }, { query: "spoon" }] }, key);
  await post("/v1/query", { top_k: -1 }, key);
  await post("/v1/chat", { messages: [{ role: "user", content: "a kettle?" }] }, key);
  await post("/v1/collections", { name: "c", dimensions: 2 }, key);
  const collections = "/api/v2/tenants/default_tenant/databases/default_database/collections";
  const headers = { "X-Chroma-Token": key };
  const { id } = (await api.call("GET", `${collections}/c`, { headers })).body;
  const body = { query_embeddings: [[1, 0]] };
  const queried = await api.call("POST", `${collections}/${id}/query`, { headers, body });
  expect(queried.status).toBe(200);
  const { days, from, to } = await usageOf(key);
  expect([from < to, to]).toEqual([true, today()]);
  expect(days).toEqual([
    {
      day: today(),
      tenant: { id: expect.any(String), name: "counted" },
      requests: 7,
      searches: 4, // two queries, the first search of the chat, Chroma's
      stored_rows: null,
      stored_bytes: null,
      tokens: [
        { kind: "chat_input", model: "scripted", tokens: 100 },
        { kind: "chat_output", model: "scripted", tokens: 10 },
        { kind: "embedding", model: expect.stringMatching(/^openai\//), tokens: expect.any(Number) },
      ],
    },
  ]);
  expect(days[0].tokens[2].tokens).toBeGreaterThan(4);
});

test("a tenant sees its own usage, and the operator that of all tenants or of one", async () => {
  for (const { key } of [tenant, other]) await api.call("GET", "/v1/collections", { key });
  const namesOf = async (key: string, query?: string) =>
    (await usageOf(key, query)).days.map(({ tenant: { name } }: { tenant: { name: string } }) => name);
  expect(await namesOf(tenant.key)).toEqual(['=acme, "Inc"']);
  expect(await namesOf(api.operator)).toEqual(expect.arrayContaining(['=acme, "Inc"', "other"]));
  expect(await namesOf(api.operator, "?tenant=other")).toEqual(["other"]);
  const foreign = await api.call("GET", "/v1/usage?tenant=other", { key: tenant.key });
  expect(foreign).toMatchObject({ status: 403, body: { code: "forbidden", path: "tenant" } });
  const missing = await api.call("GET", "/v1/usage?tenant=nobody", { key: api.operator });
  expect(missing).toMatchObject({ status: 404, body: { code: "not_found" } });
});

test("CSV has one line for each count, and no cell that a spreadsheet takes for a formula", async () => {
  await api.call("GET", "/v1/collections", { key: tenant.key });
  const accepted = await api.call("GET", "/v1/usage", { key: tenant.key, headers: { Accept: "text/csv" } });
  expect(accepted.headers.get("Content-Type")).toMatch(/^text\/csv/);
  const [header, line] = accepted.text.split("\r\n");
  expect(header).toBe("day,tenant_id,tenant,kind,model,n");
  expect(line).toMatch(new RegExp(`^${today()},${tenant.id},"'=acme, ""Inc""",requests,,\\d+$`));
  const asked = await api.call("GET", "/v1/usage?format=csv", { key: tenant.key });
  expect(asked.text).toContain(`${tenant.id},"'=acme, ""Inc""",requests,,`);
  const both = { Accept: "text/csv, application/json" };
  expect((await api.call("GET", "/v1/usage", { key: tenant.key, headers: both })).body.days).toHaveLength(1);
});

test("a range is by days of UTC and has an end", async () => {
  await api.call("GET", "/v1/collections", { key: tenant.key });
  expect((await usageOf(tenant.key, `?from=${today()}&to=${today()}`)).days).toHaveLength(1);
  expect((await usageOf(tenant.key, "?from=2024-01-01&to=2024-12-31")).days).toEqual([]);
  const refused = await api.call("GET", "/v1/usage?from=2024-1-1", { key: tenant.key });
  expect(refused).toMatchObject({ status: 400, body: { code: "invalid_input", path: "from" } });
});

test("a write beyond a quota is answered 422 with the quota, the usage and the way out, and writes nothing", async () => {
  const { id, key } = await api.addTenant("limited");
  const documents = ["a", "b", "c"].map((name) => ({ id: name, content: name }));
  const limits = { stored_rows: 2, stored_bytes: 1_000_000 };
  expect((await patch(id, limits)).body).toMatchObject({ limits });
  const refused = await post("/v1/documents", { documents }, key);
  expect(refused).toMatchObject({ status: 422, body: { code: "quota_exceeded", title: "Storage quota exceeded" } });
  expect(refused.body.detail).toMatch(/add 3 rows to the 0 rows .* quota is 2 rows\. Delete documents .* operator/);
  expect((await api.call("GET", "/v1/documents", { key })).body.documents).toEqual([]);
  await patch(id, { stored_rows: 3 });
  expect((await post("/v1/documents", { documents }, key)).status).toBe(200);
});

test("a bulk job beyond a quota fails with the same code", async () => {
  const { id, key } = await api.addTenant("limited in bulk");
  await patch(id, { stored_rows: 1 });
  const documents = ["a", "b"].map((name) => ({ id: name, content: name }));
  const accepted = await post("/v1/documents/bulk", { documents }, key);
  const job = await vi.waitFor(
    async () => {
      const { body } = await api.call("GET", accepted.headers.get("Location") as string, { key });
      expect(body.status).not.toBe("in_progress");
      return body;
    },
    { timeout: 30_000 },
  );
  expect(job).toMatchObject({ status: "failed", last_error: { code: "quota_exceeded" }, counts: { documents: 0 } });
});

test("Chroma's client recognises the error, and its add writes nothing", async () => {
  const { id, key } = await api.addTenant("limited client");
  await patch(id, { stored_rows: 2 });
  const server = await serveTestApi(api);
  try {
    const { hostname: host, port } = new URL(server.url);
    const client = new ChromaClient({ host, port: Number(port), headers: { "X-Chroma-Token": key } });
    const collection = await client.createCollection({ name: "limited", embeddingFunction: null });
    const add = (...ids: string[]) => collection.add({ ids, embeddings: ids.map((_, n) => [1, n]) });
    await expect(add("a", "b", "c")).rejects.toMatchObject({ name: "ChromaQuotaExceededError" });
    expect(await collection.count()).toBe(0);
    await add("a", "b");
    await expect(collection.upsert({ ids: ["c"], embeddings: [[1, 1]] })).rejects.toThrow(/its quota is 2 rows/);
    await collection.upsert({ ids: ["b"], embeddings: [[1, 1]] });
    await collection.delete({ ids: ["a"] });
    await add("c");
    expect(await collection.count()).toBe(2);
  } finally {
    await server.stop();
  }
});
