import { selectRows } from "@cairn/core/database/rows.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import type { JobAddress } from "@cairn/core/job/job.ts";
import { sql } from "drizzle-orm";
import { beforeAll, expect, test, vi } from "vitest";
import { createTestApi, useTestApi } from "../../../test/support/api.ts";
import { startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { useResource, useServer, useTestDatabase } from "../../../test/support/fixture.ts";
import { createApp } from "../app.ts";

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
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => write("fifty", document("sent fifty times"))),
  );
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
      selectRows(
        orm,
        sql`UPDATE cairn.idempotency_keys SET ${sql.raw(assignment)} WHERE key = 'shared' RETURNING 1`,
      ),
    );
  expect((await write("shared", document("another", "y"))).status).toBe(422);
  expect(await age("created_at = now() - interval '25 hours'")).toHaveLength(1);
  expect((await write("shared", document("another", "y"))).status).toBe(200);
  // The state that a process leaves when it is killed within a request.
  await age("status = NULL, held_until = now() - interval '1 second'");
  expect((await write("shared", document("another", "y"))).status).toBe(200);
});

/** Makes the database refuse to store responses while `work` runs, as if the process died right before. */
async function withoutStoredResponses(work: () => Promise<void>): Promise<void> {
  const run = (statements: string) => testDatabase.database.transaction(({ script }) => script(statements));
  await run(`
    CREATE FUNCTION cairn.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no response is stored'; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON cairn.idempotency_keys
      FOR EACH ROW WHEN (new.status IS NOT NULL) EXECUTE FUNCTION cairn.refuse();`);
  try {
    await work();
  } finally {
    await run("DROP FUNCTION cairn.refuse CASCADE");
  }
}

/** Expires the leases of the tenant's keys, as if their requests had died. */
const expireLeases = (tenantId: string) =>
  asTenant(testDatabase.database, tenantId, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.idempotency_keys SET held_until = now() - interval '1 second'`),
  );

test("a write whose process died before the response was stored is repeated with the same ids", async () => {
  const owner = await api.addTenant();
  await api.call("POST", "/v1/collections", { key: owner.key, body: {} });
  const body = {
    documents: [{ content: "nameless" }, { id: "named", content: "x" }, { content: "nameless" }],
  };
  const requests = [
    ["/v1/documents", body],
    ["/v1/documents/bulk", body],
    ["/v1/reindex", {}],
  ] as const;
  const send = (path: string, sent: object) =>
    api.call("POST", path, { key: owner.key, body: sent, headers: { "Idempotency-Key": path } });
  await withoutStoredResponses(async () => {
    for (const [path, sent] of requests) expect((await send(path, sent)).status, path).toBe(500);
  });
  await expireLeases(owner.id);
  const answers = [];
  for (const [path, sent] of requests) answers.push(await send(path, sent));
  expect(answers.map(({ status }) => status)).toEqual([200, 202, 202]);
  const jobs = (await api.call("GET", "/v1/jobs", { key: owner.key })).body.jobs;
  expect(jobs.map(({ id }: { id: string }) => id).sort()).toEqual(
    answers
      .slice(1)
      .map(({ body: job }) => job.id)
      .sort(),
  );
  await vi.waitFor(async () => {
    const states = (await api.call("GET", "/v1/jobs", { key: owner.key })).body.jobs;
    expect(states).toMatchObject([{ status: "completed" }, { status: "completed" }]);
  }, 20_000);
  const { documents } = (await api.call("GET", "/v1/documents", { key: owner.key })).body;
  const created = answers[0]?.body.ids.filter((id: string) => id !== "named");
  expect(created).toEqual([expect.stringMatching(UUID), expect.stringMatching(UUID)]);
  // Two generated ids of each request, which had different keys, and the named document.
  expect(documents).toHaveLength(5);
  expect(documents.map(({ id }: { id: string }) => id)).toEqual(
    expect.arrayContaining([...created, "named"]),
  );
});

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("a write that failed halfway replaces its first half when it is sent again", async () => {
  const { key } = await api.addTenant();
  const send = (documents: readonly object[]) =>
    api.call("POST", "/v1/documents", { key, body: { documents }, headers: { "Idempotency-Key": "half" } });
  const nameless = Array.from({ length: 501 }, (_, n) => ({
    content: n === 500 ? "the second batch" : "x",
    ...(n === 500 ? {} : { embedding: [1, ...Array(1535).fill(n)] }),
  }));
  embeddings.script({ kind: "status", status: 500 }, { kind: "status", status: 500 });
  expect((await send(nameless)).status).toBe(502);
  const listed = async () =>
    (await api.call("GET", "/v1/documents?limit=1000", { key })).body.documents.length;
  expect(await listed()).toBe(500);
  expect((await send(nameless)).status).toBe(200);
  expect(await listed()).toBe(501);
});

test("the same request with the same key creates new documents and a new job a day later", async () => {
  const owner = await api.addTenant();
  const send = (path: string, body: object) =>
    api.call("POST", path, { key: owner.key, body, headers: { "Idempotency-Key": path } });
  const both = async () => [
    ...(await send("/v1/documents", document("daily"))).body.ids,
    (await send("/v1/reindex", {})).body.id,
  ];
  const first = await both();
  expect(await both()).toEqual(first);
  await asTenant(testDatabase.database, owner.id, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.idempotency_keys SET created_at = created_at - interval '25 hours'`),
  );
  expect(new Set([...first, ...(await both())]).size).toBe(4);
});

test("a job that the queue refused starts when its request is sent again, as one job", async () => {
  const owner = await api.addTenant();
  const sent: JobAddress[] = [];
  let down = true;
  const queue = {
    async send(job: JobAddress) {
      if (down) throw new Error("the queue is down");
      sent.push(job);
    },
  };
  const app = createApp(api.services, { queue });
  const send = () =>
    app.request("/v1/reindex", {
      method: "POST",
      headers: {
        Authorization: `Bearer ${owner.key}`,
        "Content-Type": "application/json",
        "Idempotency-Key": "unsent",
      },
      body: "{}",
    });
  expect((await send()).status).toBe(500);
  down = false;
  const again = await send();
  expect(again.status).toBe(202);
  const { id } = (await again.json()) as { readonly id: string };
  expect(sent).toEqual([{ tenantId: owner.id, id }]);
  const { jobs } = (await api.call("GET", "/v1/jobs", { key: owner.key })).body;
  expect(jobs).toMatchObject([{ id, status: "in_progress", last_error: null, finished_at: null }]);
});

test("an Idempotency-Key is refused if the response is not stored, and nothing is created", async () => {
  const headers = { "Idempotency-Key": "once" };
  const refused = { status: 400, body: { code: "invalid_input", path: "Idempotency-Key" } };
  const tenants = async () =>
    (await api.call("GET", "/v1/tenants", { key: api.operator })).body.tenants.length;
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
