import { asTenant } from "@cairn/core/database/transaction.ts";
import type { JobAddress } from "@cairn/core/job/job.ts";
import { sql } from "drizzle-orm";
import { expect, test, vi } from "vitest";
import { useTestApi } from "../../../test/support/api.ts";
import { startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { useServer, useTestDatabase } from "../../../test/support/fixture.ts";
import { createApp } from "../app.ts";

const testDatabase = useTestDatabase();
const embeddings = useServer(startEmbeddingApi);
const api = useTestApi(testDatabase, () => ({
  embedding: { openai: { apiKey: "sk-test", baseUrl: embeddings.url }, requests: { attempts: 1 } },
}));

const document = (content: string, id?: string) => ({ documents: [{ id, content }] });

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
  expect(documents.map(({ id }: { id: string }) => id)).toEqual(expect.arrayContaining([...created, "named"]));
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
  const listed = async () => (await api.call("GET", "/v1/documents?limit=1000", { key })).body.documents.length;
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
