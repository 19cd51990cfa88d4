import { selectRows } from "@cairn/core/database/rows.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import type { JobAddress } from "@cairn/core/job/job.ts";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createTestApi, type TestApi } from "../../../test/support/api.ts";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { type EmbeddingApi, startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { createApp } from "../app.ts";

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
  await api?.queue.close();
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
  const answered = Promise.withResolvers<void>();
  const transaction: typeof own.database.transaction = async (work, settings) => {
    const result = await own.database.transaction(work, settings);
    // The write is committed, and the answer late: the request's second statement under its time limit.
    if (settings?.statement_timeout && ++limited === 2) await answered.promise;
    return result;
  };
  const hurried = await createTestApi({ ...own.database, transaction }, { deadline: 4_000 });
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
  answered.resolve();
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
  // The text, and the text by which the server shows whether it works at all.
  embeddings.script({ kind: "status", status: 500 }, { kind: "status", status: 500 });
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

/** Whatever is answered while `work` runs, the database fails to keep: as where the process dies right before. */
async function withoutKeeping(work: () => Promise<void>): Promise<void> {
  const run = (statements: string) => own.database.transaction(({ script }) => script(statements));
  await run(`
    CREATE FUNCTION cairn.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'nothing is kept'; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON cairn.idempotency_keys
      FOR EACH ROW WHEN (new.status IS NOT NULL) EXECUTE FUNCTION cairn.refuse();`);
  try {
    await work();
  } finally {
    await run("DROP FUNCTION cairn.refuse CASCADE");
  }
}

/** The requests that had the tenant's keys are taken for dead. */
const letDie = (tenantId: string) =>
  asTenant(own.database, tenantId, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.idempotency_keys SET held_until = now() - interval '1 second'`),
  );

test("a write whose process died before its answer was kept is done again under the same ids", async () => {
  const one = await api.addTenant();
  await api.call("POST", "/v1/collections", { key: one.key, body: {} });
  const body = {
    documents: [{ content: "nameless" }, { id: "named", content: "x" }, { content: "nameless" }],
  };
  const requests = [
    ["/v1/documents", body],
    ["/v1/documents/bulk", body],
    ["/v1/reindex", {}],
  ] as const;
  const send = (path: string, sent: object) =>
    api.call("POST", path, { key: one.key, body: sent, headers: { "Idempotency-Key": path } });
  await withoutKeeping(async () => {
    for (const [path, sent] of requests) expect((await send(path, sent)).status, path).toBe(500);
  });
  await letDie(one.id);
  const answers = [];
  for (const [path, sent] of requests) answers.push(await send(path, sent));
  expect(answers.map(({ status }) => status)).toEqual([200, 202, 202]);
  const jobs = (await api.call("GET", "/v1/jobs", { key: one.key })).body.jobs;
  expect(jobs.map(({ id }: { id: string }) => id).sort()).toEqual(
    answers
      .slice(1)
      .map(({ body: job }) => job.id)
      .sort(),
  );
  await vi.waitFor(async () => {
    const states = (await api.call("GET", "/v1/jobs", { key: one.key })).body.jobs;
    expect(states).toMatchObject([{ status: "completed" }, { status: "completed" }]);
  }, 20_000);
  const { documents } = (await api.call("GET", "/v1/documents", { key: one.key })).body;
  const made = answers[0]?.body.ids.filter((id: string) => id !== "named");
  expect(made).toEqual([expect.stringMatching(UUID), expect.stringMatching(UUID)]);
  // Two of each request, which had keys of their own, and the one with a name.
  expect(documents).toHaveLength(5);
  expect(documents.map(({ id }: { id: string }) => id)).toEqual(expect.arrayContaining([...made, "named"]));
});

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("a write that failed halfway, sent again, replaces the half that was done", async () => {
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

test("the same request and key a day later make new documents and a new job", async () => {
  const one = await api.addTenant();
  const send = (path: string, body: object) =>
    api.call("POST", path, { key: one.key, body, headers: { "Idempotency-Key": path } });
  const both = async () => [
    ...(await send("/v1/documents", document("daily"))).body.ids,
    (await send("/v1/reindex", {})).body.id,
  ];
  const first = await both();
  expect(await both()).toEqual(first);
  await asTenant(own.database, one.id, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.idempotency_keys SET created_at = created_at - interval '25 hours'`),
  );
  expect(new Set([...first, ...(await both())]).size).toBe(4);
});

test("a job that the queue did not take begins when its request is sent again, and is one job", async () => {
  const one = await api.addTenant();
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
        Authorization: `Bearer ${one.key}`,
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
  expect(sent).toEqual([{ tenantId: one.id, id }]);
  const { jobs } = (await api.call("GET", "/v1/jobs", { key: one.key })).body;
  expect(jobs).toMatchObject([{ id, status: "in_progress", last_error: null, finished_at: null }]);
});

test("where nothing can be kept a key is refused, not passed over: nothing is made", async () => {
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
  const made = await api.call("POST", "/v1/keys", { key: tenant.key, headers, body: {} });
  expect(made).toMatchObject(refused);
  expect(made.body.detail).toContain("kept nowhere");
});

test("a key is revoked once, and the second answer is the first's", async () => {
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

test("a key that no header can hold is refused", async () => {
  for (const bad of ["", "a b", "x".repeat(256)])
    expect((await write(bad, document("x"))).status, JSON.stringify(bad)).toBe(400);
});
