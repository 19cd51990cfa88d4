import { changeCollection } from "@cairn/core/collection/change.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { createJob, getJob, type JobAddress, listJobs } from "@cairn/core/job/job.ts";
import { runJob } from "@cairn/core/job/run.ts";
import { changeModel } from "@cairn/core/reembed/change.ts";
import { sql } from "drizzle-orm";
import { describe, expect, test, vi } from "vitest";
import { createTestApi, useTestApi } from "../../test/support/api.ts";
import { useResource, useTestDatabase } from "../../test/support/fixture.ts";
import { createApp } from "./app.ts";
import { createJobKinds } from "./jobs.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase);
const tenant = useResource(() => api.addTenant());

/** Runs a bulk job with these documents (JSON) and returns it after its end. */
async function ingestInBulk(documents: string) {
  const raw = `{"documents": [${documents}]}`;
  const headers = { "Content-Type": "application/json" };
  const accepted = await api.call("POST", "/v1/documents/bulk", { key: tenant.key, raw, headers });
  expect(accepted.status).toBe(202);
  return vi.waitFor(
    async () => {
      const { body } = await api.call("GET", `/v1/jobs/${accepted.body.id}`, { key: tenant.key });
      expect(body.status).not.toBe("in_progress");
      return body;
    },
    { timeout: 60_000, interval: 50 },
  );
}

const BAD = `{"id": "infinite", "content": "x", "metadata": {"size": 1e400}},
  {"id": "tiny", "content": "x", "metadata": {"sizes": [0, 1e-400]}},
  {"id": "deep", "content": "x", "metadata": {"a": ${"[".repeat(70)}${"]".repeat(70)}}}`;

test("documents of a bulk job with metadata that cannot be stored fail with the reason, and the others are written", async () => {
  const job = await ingestInBulk(
    `${BAD}, {"id": "good", "content": "kettle", "metadata": {"n": 12345678901234567890}}`,
  );
  expect(job).toMatchObject({
    status: "completed",
    counts: { total: 4, position: 4, documents: 1, failed: 3 },
    result: {
      documents: 1,
      failed: [
        { id: "infinite", code: "invalid_input", message: expect.stringMatching(/metadata\.size is 1e400/) },
        { id: "tiny", code: "invalid_input", message: expect.stringMatching(/metadata\.sizes\[1\].*1e-400/) },
        { id: "deep", code: "invalid_input", message: expect.stringMatching(/deeper than 64/) },
      ],
    },
  });
  const good = await api.call("GET", "/v1/documents/good", { key: tenant.key });
  expect(good.text).toContain('"metadata":{"n":12345678901234567890}');
  for (const id of ["infinite", "tiny", "deep"])
    expect((await api.call("GET", `/v1/documents/${id}`, { key: tenant.key })).status).toBe(404);
});

test("a bulk job without a valid document completes", async () => {
  expect(await ingestInBulk(BAD)).toMatchObject({
    status: "completed",
    counts: { total: 3, documents: 0, failed: 3 },
    result: { documents: 0, failed: [{}, {}, {}] },
  });
});

test("a job counts all failed documents, and lists only the first ones", async () => {
  const long = "i".repeat(20_000);
  const documents = Array.from({ length: 60 }, (_, n) => `{"id": "${n}${long}", "content": " "}`);
  const { counts, result } = await ingestInBulk(documents.join());
  expect(counts).toMatchObject({ total: 60, failed: 60, documents: 0 });
  expect(result.failed.length).toBeGreaterThan(10);
  expect(JSON.stringify(result).length).toBeLessThan(600_000);
});

/** Creates a job that ended with a result of this many bytes. */
async function endedWith(bytes: number): Promise<JobAddress> {
  const { id } = await createJob(testDatabase.database, tenant.id, { kind: "large", request: {} });
  const address = { tenantId: tenant.id, id };
  await runJob(api.services, { large: async () => ({ text: "x".repeat(bytes) }) }, address);
  return address;
}

test("results of jobs count towards the size limit of a response, and larger ones are replaced by a note", async () => {
  const small = await createTestApi(testDatabase.database, { maxResponse: 50_000 });
  const [oldest, middle, newest] = [await endedWith(30_000), await endedWith(30_000), await endedWith(60_000)];
  const get = async (path: string) => (await small.call("GET", path, { key: tenant.key })).body;
  const omitted = { omitted: expect.stringContaining("exceeds the maximum size of a response") };
  const text = { text: expect.stringMatching(/^x{30000}$/) };
  expect(await get(`/v1/jobs/${newest.id}`)).toMatchObject({ status: "completed", result: omitted });
  expect((await get(`/v1/jobs/${oldest.id}`)).result).toEqual(text);
  expect((await get("/v1/jobs?limit=1")).jobs).toMatchObject([{ id: newest.id, result: omitted }]);
  const found = await listJobs(testDatabase.database, tenant.id, { limit: 3, maxBytes: 100_000 });
  expect(found.map(({ id, result }) => [id, result])).toEqual([
    [newest.id, { text: expect.any(String) }],
    [middle.id, text],
    [oldest.id, omitted],
  ]);
  const events = await small.call("GET", `/v1/jobs/${newest.id}/events`, { key: tenant.key });
  expect(events.text.length).toBeLessThan(5_000);
  expect((await getJob(testDatabase.database, newest)).result).toEqual({ text: expect.any(String) });
});

test("if an id occurs twice in a bulk job, the last document is used, even if it cannot be stored", async () => {
  const written = { id: "again", content: "the first" };
  const documents = [
    written,
    { id: "spoilt", content: "x" },
    { ...written, content: "the last" },
    { id: "spoilt", content: "x", metadata: { n: JSON.rawJSON("1e400") } },
  ];
  const job = await ingestInBulk(documents.map((one) => JSON.stringify(one)).join());
  expect(job).toMatchObject({ counts: { total: 2, documents: 1, failed: 1 } });
  const { body } = await api.call("GET", "/v1/documents/again", { key: tenant.key });
  expect(body.passages).toMatchObject([{ content: "the last" }]);
  expect((await api.call("GET", "/v1/documents/spoilt", { key: tenant.key })).status).toBe(404);
});

test("a vector of another size is refused before a bulk job starts", async () => {
  const { key } = await api.addTenant();
  await api.call("POST", "/v1/collections", { key, body: { dimensions: 3 } });
  const vectors = Array.from({ length: 250 }, (_, n) => (n === 249 ? [1, 2] : [1, 2, 3]));
  const documents = vectors.map((embedding, n) => ({ id: `v${n}`, content: null, embedding }));
  const { status, body } = await api.call("POST", "/v1/documents/bulk", { key, body: { documents } });
  expect(status).toBe(422);
  expect(body).toMatchObject({ code: "dimension_mismatch", path: "documents[249].embedding" });
  expect((await api.call("GET", "/v1/jobs", { key })).body.jobs).toEqual([]);
});

describe("a bulk job that was accepted before its collection", () => {
  /** Creates a job that runs when the returned function is called. */
  async function accept(collection: string) {
    await call("POST", "/v1/collections", { name: collection });
    const app = createApp(api.services, { queue: { send: async () => {} } });
    const accepted = await app.request("/v1/documents/bulk", {
      method: "POST",
      headers: { Authorization: `Bearer ${tenant.key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ collection, documents: [{ id: "late", content: "kettle" }] }),
    });
    const { id } = (await accepted.json()) as { readonly id: string };
    const address = { tenantId: tenant.id, id };
    return async () => {
      await runJob(api.services, createJobKinds({}), address);
      return getJob(testDatabase.database, address);
    };
  }
  const call = (method: string, path: string, body?: object) => api.call(method, path, { key: tenant.key, body });
  const hasDocument = async (collection: string) =>
    (await call("GET", `/v1/documents/late?collection=${collection}`)).status === 200;

  test("was renamed writes into it, and not into the collection that now has its name", async () => {
    const run = await accept("plans");
    await call("PATCH", "/v1/collections/plans", { name: "plans-2026" });
    await call("POST", "/v1/collections", { name: "plans" });
    expect(await run()).toMatchObject({ status: "completed", result: { collection: "plans-2026" } });
    expect([await hasDocument("plans-2026"), await hasDocument("plans")]).toEqual([true, false]);
  });

  test("was replaced by a change of model writes into the replacement", async () => {
    const run = await accept("remodelled");
    const { embeddingModel } = await getCollection(testDatabase.database, tenant.id, "remodelled");
    await changeCollection(testDatabase.database, tenant.id, "remodelled", {
      embeddingModel: "offline/other",
    });
    await changeModel(api.services, tenant.id, embeddingModel as string, { collection: "remodelled" });
    expect(await run()).toMatchObject({ status: "completed", result: { collection: "remodelled" } });
    expect(await hasDocument("remodelled")).toBe(true);
  });

  test("was deleted and created again writes into the new one", async () => {
    const run = await accept("again");
    await call("DELETE", "/v1/collections/again");
    expect(await run()).toMatchObject({ status: "failed", lastError: { code: "not_found" } });
    await call("POST", "/v1/collections", { name: "again" });
    const next = await accept("again");
    await call("DELETE", "/v1/collections/again");
    await call("POST", "/v1/collections", { name: "again" });
    expect((await next()).status).toBe("completed");
    expect(await hasDocument("again")).toBe(true);
  });
});

test("a tenant can have 1,000 unfinished jobs; a repeated request for a job does not count, and each tenant has its own limit", async () => {
  const { database } = testDatabase;
  const busy = await api.addTenant();
  const id = crypto.randomUUID();
  const create = (tenantId: string, jobId?: string) =>
    createJob(database, tenantId, { id: jobId, kind: "none", request: {} });
  await create(busy.id, id);
  await asTenant(database, busy.id, ({ orm }) =>
    orm.execute(
      sql`INSERT INTO cairn.jobs (tenant_id, kind, request) SELECT ${busy.id}::uuid, 'none', '{}' FROM generate_series(2, 1000)`,
    ),
  );
  await expect(create(busy.id)).rejects.toMatchObject({ code: "tenant_busy", retryAfter: 60 });
  const { body } = await api.call("POST", "/v1/documents/bulk", {
    key: busy.key,
    body: { documents: [{ content: "kettle" }] },
  });
  expect(body.detail).toMatch(/1,000 unfinished jobs/);
  expect((await create(busy.id, id)).id).toBe(id);
  await create(tenant.id);
  await asTenant(database, busy.id, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.jobs SET status = 'cancelled', finished_at = now() WHERE id = ${id}::uuid`),
  );
  await create(busy.id);
});
