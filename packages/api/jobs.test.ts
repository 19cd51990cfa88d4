import { createJob, getJob, type JobAddress, listJobs } from "@cairn/core/job/job.ts";
import { type JobRunner, runJob } from "@cairn/core/job/run.ts";
import { expect, inject, test, vi } from "vitest";
import { createTestApi, useTestApi } from "../../test/support/api.ts";
import { createChromaCollection, plainRecords, putRecords, tenantName } from "../../test/support/fill-chroma.ts";
import { useResource, useTestDatabase } from "../../test/support/fixture.ts";
import { createApp } from "./app.ts";
import { createJobKinds } from "./jobs.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => ({ chromaUrl: inject("chromaUrl") }));
const tenant = useResource(() => api.addTenant());

async function waitForEnd(location: string, key = tenant.key) {
  return vi.waitFor(
    async () => {
      const { body } = await api.call("GET", location, { key });
      expect(body.status).not.toBe("in_progress");
      return body;
    },
    { timeout: 60_000, interval: 100 },
  );
}

const createDocuments = (count: number, mark: string) =>
  Array.from({ length: count }, (_, n) => ({ id: `${mark}-${n}`, content: `${mark} passage number ${n}` }));

test("bulk ingest is answered 202, continues, counts, and completes with the failed documents and an index", async () => {
  const settings = { name: "bulk", index: { threshold: 300 } };
  await api.call("POST", "/v1/collections", { key: tenant.key, body: settings });
  const documents = [...createDocuments(500, "bulk"), { id: "bad", content: "x", embedding: Array(1536).fill(0) }];
  const accepted = await api.call("POST", "/v1/documents/bulk", {
    key: tenant.key,
    body: { collection: "bulk", documents },
  });
  expect(accepted.status).toBe(202);
  expect(accepted.body).toMatchObject({ kind: "ingest", status: "in_progress", result: null });
  const location = accepted.headers.get("Location") as string;
  expect(location).toBe(`/v1/jobs/${accepted.body.id}`);
  const job = await waitForEnd(location);
  expect(job).toMatchObject({
    status: "completed",
    counts: { total: 501, documents: 500, failed: 1 },
    result: { documents: 500, failed: [{ id: "bad", code: "invalid_input" }] },
    last_error: null,
  });
  const { body } = await api.call("GET", "/v1/stats", { key: tenant.key });
  const stats = body.collections.find(({ collection }: { collection: string }) => collection === "bulk");
  expect(stats).toMatchObject({ documents: 500, tail: 0 });
  expect(stats.indexes.map(({ kind, state }: Record<string, string>) => `${kind} ${state}`).sort()).toEqual([
    "keyword valid",
    "vector valid",
  ]);
});

test("a cancelled job ends, and its completed work is kept", async () => {
  const slow = { ...api.services };
  const job = await createJob(testDatabase.database, tenant.id, { kind: "slow", request: {} });
  let signalStarted = () => {};
  const running = new Promise<void>((resolve) => {
    signalStarted = resolve;
  });
  const work = runJob(
    slow,
    {
      slow: async (_, { signal, report }) => {
        report({ steps: 1 });
        signalStarted();
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        return {};
      },
    },
    { tenantId: tenant.id, id: job.id },
  );
  await running;
  expect((await api.call("POST", `/v1/jobs/${job.id}/cancel`, { key: tenant.key })).status).toBe(200);
  await work;
  expect(await getJob(testDatabase.database, { tenantId: tenant.id, id: job.id })).toMatchObject({
    status: "cancelled",
    counts: { steps: 1 },
  });
  const waiting = await createJob(testDatabase.database, tenant.id, { kind: "slow", request: {} });
  expect((await api.call("POST", `/v1/jobs/${waiting.id}/cancel`, { key: tenant.key })).body.status).toBe("cancelled");
});

test("only one of several workers runs a job, and the job shows its failure without the message", async () => {
  const job = await createJob(testDatabase.database, tenant.id, { kind: "once", request: { n: 1 } });
  const address = { tenantId: tenant.id, id: job.id };
  let runs = 0;
  const kinds = {
    once: async () => {
      runs++;
      await new Promise((resolve) => setTimeout(resolve, 100));
      throw new Error("a secret detail");
    },
  };
  await Promise.all([1, 2, 3].map(() => runJob(api.services, kinds, address)));
  expect(runs).toBe(1);
  const failed = await api.call("GET", `/v1/jobs/${job.id}`, { key: tenant.key });
  expect(failed.body).toMatchObject({ status: "failed", last_error: { code: "internal_error" } });
  expect(failed.text).not.toContain("secret detail");
  await runJob(api.services, kinds, address); // the job has ended, so nothing runs
  expect(runs).toBe(1);
});

test("a worker whose time is over releases the job; the next worker continues and keeps earlier failures", async () => {
  const documents = [
    { id: "bad", content: "x", embedding: Array(1536).fill(0) },
    ...createDocuments(449, "given-back"),
    { content: "nameless" },
  ];
  const sent: JobAddress[] = [];
  const queue = { send: async (job: JobAddress) => void sent.push(job) };
  const app = createApp(api.services, { queue });
  const accepted = await app.request("/v1/documents/bulk", {
    method: "POST",
    headers: { Authorization: `Bearer ${tenant.key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ collection: "given-back", documents }),
  });
  expect(accepted.status).toBe(404);
  await api.call("POST", "/v1/collections", { key: tenant.key, body: { name: "given-back" } });
  const body = { collection: "given-back", documents };
  await app.request("/v1/documents/bulk", {
    method: "POST",
    headers: { Authorization: `Bearer ${tenant.key}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const [address] = sent as [JobAddress];
  const { ingest } = createJobKinds({});
  const deadline = new AbortController();
  const stopped: JobRunner = (services, work) =>
    (ingest as JobRunner)(services, {
      ...work,
      report(counts, partial) {
        work.report(counts, partial);
        if (counts.position === 200) deadline.abort();
      },
    });
  expect(await runJob(api.services, { ingest: stopped }, address, { signal: deadline.signal })).toBe("released");
  const between = await api.call("GET", `/v1/jobs/${address.id}`, { key: tenant.key });
  expect(between.body).toMatchObject({
    status: "in_progress",
    result: null,
    counts: { position: 200, failed: 1 },
  });
  expect(await runJob(api.services, createJobKinds({}), address)).toBe("ended");
  expect(await waitForEnd(`/v1/jobs/${address.id}`)).toMatchObject({
    status: "completed",
    counts: { position: 451, documents: 450, failed: 1 },
    result: { documents: 450, failed: [{ id: "bad" }] },
  });
});

test("unfinished jobs of a process are resumed by the next", async () => {
  const first = { documents: createDocuments(1, "first") }; // creates the tenant's default collection
  await api.call("POST", "/v1/documents", { key: tenant.key, body: first });
  const request = { documents: createDocuments(3, "left") };
  const job = await createJob(testDatabase.database, tenant.id, { kind: "ingest", request });
  const next = await createTestApi(testDatabase.database);
  await next.queue.resume();
  expect(await waitForEnd(`/v1/jobs/${job.id}`)).toMatchObject({
    status: "completed",
    counts: { documents: 3 },
  });
  await next.queue.close();
});

test("a job that the queue refuses fails, and its request is answered 500", async () => {
  const { id, key } = await api.addTenant();
  const queue = { send: () => Promise.reject(new Error("the queue is down")) };
  const app = createApp(api.services, { queue });
  const answer = await app.request("/v1/reindex", {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: "{}",
  });
  expect(answer.status).toBe(500);
  expect(await listJobs(testDatabase.database, id)).toMatchObject([
    {
      status: "failed",
      lastError: { code: "internal_error", message: expect.stringMatching(/Send the request again/) },
    },
  ]);
});

test("reindex builds pending indexes, and refuses an unknown model", async () => {
  await api.call("POST", "/v1/collections", {
    key: tenant.key,
    body: { name: "grown", index: { threshold: 50 } },
  });
  await api.call("POST", "/v1/documents", {
    key: tenant.key,
    body: { collection: "grown", documents: createDocuments(60, "grown") },
  });
  const accepted = await api.call("POST", "/v1/reindex", { key: tenant.key, body: { collection: "grown" } });
  const job = await waitForEnd(`/v1/jobs/${accepted.body.id}`);
  expect(job.result.done.length).toBeGreaterThan(0);
  const unknown = await api.call("POST", "/v1/reindex", {
    key: tenant.key,
    body: { collection: "grown", model: "openai/x" },
  });
  expect(unknown).toMatchObject({ status: 422, body: { code: "embedder_unavailable" } });
});

test("the operator starts a migration, reads its status and its report", async () => {
  const { name } = tenantName();
  await putRecords(await createChromaCollection(inject("chromaUrl"), name), plainRecords(40, 8));
  const accepted = await api.call("POST", "/v1/migrations", {
    key: api.operator,
    body: { only: [name], queries: 5 },
  });
  expect(accepted.status).toBe(202);
  const early = await api.call("GET", `/v1/migrations/${accepted.body.id}/report`, { key: api.operator });
  expect([200, 404]).toContain(early.status);
  const job = await waitForEnd(`/v1/jobs/${accepted.body.id}`, api.operator);
  expect(job.last_error).toBeNull();
  expect(job).toMatchObject({ status: "completed", result: { verdict: "identical" } });
  const { body } = await api.call("GET", `/v1/migrations/${accepted.body.id}/report`, { key: api.operator });
  expect(body.verdict).toBe("identical");
  const page = await api.call("GET", `/v1/migrations/${accepted.body.id}/report?format=html`, {
    key: api.operator,
  });
  expect(page.text).toContain("</html>");
  const { migrations } = (await api.call("GET", "/v1/migrations", { key: api.operator })).body;
  expect(migrations.map(({ id }: { id: string }) => id)).toContain(accepted.body.id);
  expect((await api.call("GET", `/v1/jobs/${accepted.body.id}`, { key: tenant.key })).status).toBe(404);
  const elsewhere = await createTestApi(testDatabase.database);
  const unset = await elsewhere.call("POST", "/v1/migrations", { key: api.operator, body: {} });
  expect(unset).toMatchObject({ status: 422, body: { code: "source_unsupported" } });
  expect(unset.body.detail).toContain("CHROMA_URL");
});
