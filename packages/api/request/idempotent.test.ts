import { setTimeout as sleep } from "node:timers/promises";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestApi, type TestApi } from "../../../test/support/api.ts";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { type EmbeddingApi, startEmbeddingApi } from "../../../test/support/embedding-api.ts";

let own: TestDatabase;
let api: TestApi;
let embeddings: EmbeddingApi;
let tenant: { readonly id: string; readonly key: string };
beforeAll(async () => {
  own = await createTestDatabase();
  embeddings = await startEmbeddingApi();
  const embedding = { openai: { apiKey: "sk-test", baseUrl: embeddings.url }, requests: { attempts: 1 } };
  api = await createTestApi(own.database, { embedding });
  tenant = await api.addTenant();
  await api.call("POST", "/v1/collections", { key: tenant.key, body: {} });
});
afterAll(async () => {
  await own?.drop();
  await embeddings?.stop();
});

const write = (idempotencyKey: string, body: object, key = tenant.key) =>
  api.call("POST", "/v1/documents", { key, body, headers: { "Idempotency-Key": idempotencyKey } });
const document = (content: string, id?: string) => ({ documents: [{ id, content }] });
const count = async () =>
  (await api.call("GET", "/v1/documents?limit=1000", { key: tenant.key })).body.documents.length;

test("one key sent fifty times at once has one effect, one bill and fifty same answers", async () => {
  const [billed, before] = [embeddings.billed.length, await count()];
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => write("fifty", document("sent fifty times"))),
  );
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect(answers[0]?.status).toBe(200);
  expect(answers.filter(({ headers }) => headers.get("Idempotency-Replayed") === "true")).toHaveLength(49);
  expect(embeddings.billed.length - billed).toBe(1);
  expect(await count()).toBe(before + 1); // its id was made up once
});

test("the same key with another body, path or method is an error, and has no effect", async () => {
  const before = await count();
  expect((await write("twice", document("first", "twice"))).status).toBe(200);
  const conflict = { status: 422, body: { code: "idempotency_conflict", path: "Idempotency-Key" } };
  expect(await write("twice", document("second", "other"))).toMatchObject(conflict);
  const headers = { "Idempotency-Key": "twice" };
  const body = document("first", "twice");
  expect(await api.call("POST", "/v1/documents/bulk", { key: tenant.key, body, headers })).toMatchObject(
    conflict,
  );
  expect(await api.call("DELETE", "/v1/documents/twice", { key: tenant.key, headers })).toMatchObject(
    conflict,
  );
  expect(await count()).toBe(before + 1);
  const remove = (collection: string) =>
    api.call("DELETE", `/v1/documents/none?collection=${collection}`, {
      key: tenant.key,
      headers: { "Idempotency-Key": "twice" },
    });
  expect(await remove("knowledge")).toMatchObject(conflict);
  await write("by-query", document("gone from one", "one"));
  const headersOfOne = { "Idempotency-Key": "by-query-delete" };
  const removeOne = (query: string) =>
    api.call("DELETE", `/v1/documents/one${query}`, { key: tenant.key, headers: headersOfOne });
  expect((await removeOne("?collection=knowledge")).status).toBe(204);
  expect(await removeOne("?collection=other")).toMatchObject(conflict);
});

test("a request whose time ran out just as it was done is answered with what it did when it is sent again", async () => {
  let limited = 0;
  const transaction: typeof own.database.transaction = async (work, settings) => {
    const result = await own.database.transaction(work, settings);
    // The write is committed, and the answer late: the request's second statement under its time limit.
    if (settings?.statement_timeout && ++limited === 2) await sleep(600);
    return result;
  };
  const hurried = await createTestApi({ ...own.database, transaction }, { deadline: 400 });
  const { key } = await hurried.addTenant();
  await api.call("POST", "/v1/collections", {
    key,
    body: { embedding_model: "offline/words", dimensions: 8 },
  });
  await hurried.call("GET", "/v1/keys", { key }); // the key is known by now
  limited = 0;
  const send = () =>
    hurried.call("POST", "/v1/documents", {
      key,
      body: document("done late"),
      headers: { "Idempotency-Key": "late" },
    });
  expect(await send()).toMatchObject({ status: 504, body: { code: "deadline_exceeded" } });
  const again = await send();
  expect(again.status).toBe(200);
  expect(again.headers.get("Idempotency-Replayed")).toBe("true");
  const { body } = await api.call("GET", "/v1/documents", { key });
  expect(body.documents.map(({ id }: { id: string }) => id)).toEqual(again.body.ids);
});

test("a delete that is sent again is answered as it was", async () => {
  await write("to-delete", document("gone soon", "gone"));
  const headers = { "Idempotency-Key": "delete-it" };
  const remove = () => api.call("DELETE", "/v1/documents/gone", { key: tenant.key, headers });
  expect((await remove()).status).toBe(204);
  expect((await remove()).status).toBe(204);
  expect((await api.call("DELETE", "/v1/documents/gone", { key: tenant.key })).status).toBe(404);
});

test("what failed or was refused is not kept: the same key may be sent again", async () => {
  embeddings.script({ kind: "status", status: 500 });
  expect((await write("again", document("fails at first", "again"))).status).toBe(502);
  expect((await write("again", document("fails at first", "again"))).status).toBe(200);
  expect((await write("mended", { documents: "none" })).status).toBe(400);
  expect((await write("mended", document("mended", "mended"))).status).toBe(200);
});

test("keys are each tenant's own, last a day, and outlive a request that died", async () => {
  const other = await api.addTenant();
  await write("shared", document("of the first", "shared"));
  expect((await write("shared", document("of the second", "x"), other.key)).status).toBe(200);
  const age = (assignment: string) =>
    asTenant(own.database, tenant.id, ({ orm }) =>
      selectRows(
        orm,
        sql`UPDATE cairn.idempotency_keys SET ${sql.raw(assignment)} WHERE key = 'shared' RETURNING 1`,
      ),
    );
  expect((await write("shared", document("another", "y"))).status).toBe(422);
  expect(await age("created_at = now() - interval '25 hours'")).toHaveLength(1);
  expect((await write("shared", document("another", "y"))).status).toBe(200);
  // As a process leaves it that was killed within a request.
  await age("status = NULL, held_until = now() - interval '1 second'");
  expect((await write("shared", document("another", "y"))).status).toBe(200);
});

test("a key that no header can hold is refused", async () => {
  for (const bad of ["", "a b", "x".repeat(256)])
    expect((await write(bad, document("x"))).status, JSON.stringify(bad)).toBe(400);
});
