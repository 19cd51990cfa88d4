import { selectRows } from "@cairn/core/database/rows.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import { beforeAll, expect, test } from "vitest";
import { createTestApi, useTestApi } from "../../../test/support/api.ts";
import { startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { useResource, useServer, useTestDatabase } from "../../../test/support/fixture.ts";

const testDatabase = useTestDatabase();
const embeddings = useServer(startEmbeddingApi);
const api = useTestApi(testDatabase, () => ({
  embedding: { openai: { apiKey: "sk-test", baseUrl: embeddings.url }, requests: { attempts: 1 } },
}));
const tenant = useResource(() => api.addTenant());
beforeAll(async () => {
  await api.call("POST", "/v1/collections", { key: tenant.key, body: {} });
});

const write = (idempotencyKey: string, body: object, key = tenant.key) =>
  api.call("POST", "/v1/documents", { key, body, headers: { "Idempotency-Key": idempotencyKey } });
const document = (content: string, id?: string) => ({ documents: [{ id, content }] });
const count = async () =>
  (await api.call("GET", "/v1/documents?limit=1000", { key: tenant.key })).body.documents.length;

test("fifty concurrent requests with one key have one effect, one embedding call and identical responses", async () => {
  const [billed, before] = [embeddings.billed.length, await count()];
  const answers = await Promise.all(Array.from({ length: 50 }, () => write("fifty", document("sent fifty times"))));
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect(answers[0]?.status).toBe(200);
  expect(answers.filter(({ headers }) => headers.get("Idempotency-Replayed") === "true")).toHaveLength(49);
  expect(embeddings.billed.length - billed).toBe(1);
  expect(await count()).toBe(before + 1); // its id was generated once
});

test("the same key with another body, path or method is an error without an effect", async () => {
  const before = await count();
  expect((await write("twice", document("first", "twice"))).status).toBe(200);
  const conflict = { status: 422, body: { code: "idempotency_conflict", path: "Idempotency-Key" } };
  expect(await write("twice", document("second", "other"))).toMatchObject(conflict);
  const headers = { "Idempotency-Key": "twice" };
  const body = document("first", "twice");
  expect(await api.call("POST", "/v1/documents/bulk", { key: tenant.key, body, headers })).toMatchObject(conflict);
  expect(await api.call("DELETE", "/v1/documents/twice", { key: tenant.key, headers })).toMatchObject(conflict);
  expect(await count()).toBe(before + 1);
  const remove = (collection: string) =>
    api.call("DELETE", `/v1/documents/none?collection=${collection}`, {
      key: tenant.key,
      headers: { "Idempotency-Key": "twice" },
    });
  expect(await remove("knowledge")).toMatchObject(conflict);
  await write("by-query", document("gone from one", "one"));
  const deleteHeaders = { "Idempotency-Key": "by-query-delete" };
  const removeFrom = (query: string) =>
    api.call("DELETE", `/v1/documents/one${query}`, { key: tenant.key, headers: deleteHeaders });
  expect((await removeFrom("?collection=knowledge")).status).toBe(204);
  expect(await removeFrom("?collection=other")).toMatchObject(conflict);
});

test("a request that finished after its deadline returns its result when it is sent again", async () => {
  let limited = 0;
  const answered = Promise.withResolvers<void>();
  const transaction: typeof testDatabase.database.transaction = async (work, settings) => {
    const result = await testDatabase.database.transaction(work, settings);
    // The write is committed, but the response is late: the second statement of the request under its time limit.
    if (settings?.statement_timeout && ++limited === 2) await answered.promise;
    return result;
  };
  const limitedApi = await createTestApi({ ...testDatabase.database, transaction }, { deadline: 4_000 });
  const { key } = await limitedApi.addTenant();
  await api.call("POST", "/v1/collections", {
    key,
    body: { embedding_model: "offline/words", dimensions: 8 },
  });
  await limitedApi.call("GET", "/v1/keys", { key }); // the key is cached now
  limited = 0;
  const send = () =>
    limitedApi.call("POST", "/v1/documents", {
      key,
      body: document("done late"),
      headers: { "Idempotency-Key": "late" },
    });
  expect(await send()).toMatchObject({ status: 504, body: { code: "deadline_exceeded" } });
  answered.resolve();
  const again = await send();
  expect(again.status).toBe(200);
  expect(again.headers.get("Idempotency-Replayed")).toBe("true");
  const { body } = await api.call("GET", "/v1/documents", { key });
  expect(body.documents.map(({ id }: { id: string }) => id)).toEqual(again.body.ids);
});

test("a repeated delete returns the first response", async () => {
  await write("to-delete", document("gone soon", "gone"));
  const headers = { "Idempotency-Key": "delete-it" };
  const remove = () => api.call("DELETE", "/v1/documents/gone", { key: tenant.key, headers });
  expect((await remove()).status).toBe(204);
  expect((await remove()).status).toBe(204);
  expect((await api.call("DELETE", "/v1/documents/gone", { key: tenant.key })).status).toBe(404);
});

test("an error response is not stored, so the same key can be sent again", async () => {
  // The text, and the probe text that shows whether the server works.
  embeddings.script({ kind: "status", status: 500 }, { kind: "status", status: 500 });
  expect((await write("again", document("fails at first", "again"))).status).toBe(502);
  expect((await write("again", document("fails at first", "again"))).status).toBe(200);
  expect((await write("mended", { documents: "none" })).status).toBe(400);
  expect((await write("mended", document("mended", "mended"))).status).toBe(200);
});

test("keys are separate for each tenant, expire after a day, and survive a request that died", async () => {
  const other = await api.addTenant();
  await write("shared", document("of the first", "shared"));
  expect((await write("shared", document("of the second", "x"), other.key)).status).toBe(200);
  const age = (assignment: string) =>
    asTenant(testDatabase.database, tenant.id, ({ orm }) =>
      selectRows(orm, sql`UPDATE cairn.idempotency_keys SET ${sql.raw(assignment)} WHERE key = 'shared' RETURNING 1`),
    );
  expect((await write("shared", document("another", "y"))).status).toBe(422);
  expect(await age("created_at = now() - interval '25 hours'")).toHaveLength(1);
  expect((await write("shared", document("another", "y"))).status).toBe(200);
  // The state that a process leaves when it is killed within a request.
  await age("status = NULL, held_until = now() - interval '1 second'");
  expect((await write("shared", document("another", "y"))).status).toBe(200);
});

test("an Idempotency-Key is refused if the response is not stored, and nothing is created", async () => {
  const headers = { "Idempotency-Key": "once" };
  const refused = { status: 400, body: { code: "invalid_input", path: "Idempotency-Key" } };
  const tenants = async () => (await api.call("GET", "/v1/tenants", { key: api.operator })).body.tenants.length;
  const before = await tenants();
  const operator = { key: api.operator, headers };
  expect(await api.call("POST", "/v1/tenants", { ...operator, body: {} })).toMatchObject(refused);
  expect(await tenants()).toBe(before);
  expect(await api.call("POST", "/v1/migrations", { ...operator, body: {} })).toMatchObject(refused);
  expect((await api.call("GET", "/v1/migrations", { key: api.operator })).body.migrations).toEqual([]);
  const created = await api.call("POST", "/v1/keys", { key: tenant.key, headers, body: {} });
  expect(created).toMatchObject(refused);
  expect(created.body.detail).toContain("not stored");
});

test("a key is revoked once, and the second response is the same", async () => {
  const { body } = await api.call("POST", "/v1/keys", { key: tenant.key, body: {} });
  const revoke = (key: string) =>
    api.call("DELETE", `/v1/keys/${body.key.id}`, { key, headers: { "Idempotency-Key": "revoke" } });
  const first = await revoke(tenant.key);
  const second = await revoke(tenant.key);
  expect(first.body.revoked_at).toEqual(expect.any(String));
  expect(second.text).toBe(first.text);
  expect(second.headers.get("Idempotency-Replayed")).toBe("true");
  expect(await revoke(api.operator)).toMatchObject({ status: 400, body: { path: "Idempotency-Key" } });
});

test("an invalid Idempotency-Key is refused", async () => {
  for (const bad of ["", "a b", "x".repeat(256)])
    expect((await write(bad, document("x"))).status, JSON.stringify(bad)).toBe(400);
});
