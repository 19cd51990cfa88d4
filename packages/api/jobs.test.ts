import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import { cancelJob, createJob, getJob, type JobAddress, listJobs } from "@cairn/core/job/job.ts";
import { type JobRunner, runJob } from "@cairn/core/job/run.ts";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { createTestApi, type TestApi } from "../../test/support/api.ts";
import { createTestDatabase, type TestDatabase } from "../../test/support/database.ts";
import {
  createChromaCollection,
  plainRecords,
  putRecords,
  tenantName,
} from "../../test/support/fill-chroma.ts";
import { createApp } from "./app.ts";
import { createJobKinds } from "./jobs.ts";
import { createLog } from "./telemetry/log.ts";

let own: TestDatabase;
let api: TestApi;
let tenant: { readonly id: string; readonly key: string };
beforeAll(async () => {
  own = await createTestDatabase();
  api = await createTestApi(own.database, { chromaUrl: inject("chromaUrl") });
  tenant = await api.addTenant();
});
afterAll(async () => {
  await api?.queue.close();
  await own?.drop();
});

async function ended(location: string, key = tenant.key) {
  return vi.waitFor(
    async () => {
      const { body } = await api.call("GET", location, { key });
      expect(body.status).not.toBe("in_progress");
      return body;
    },
    { timeout: 60_000, interval: 100 },
  );
}

const many = (count: number, mark: string) =>
  Array.from({ length: count }, (_, n) => ({ id: `${mark}-${n}`, content: `${mark} passage number ${n}` }));

test("bulk ingest is answered 202, goes on, counts, and ends with what could not be taken and an index", async () => {
  const settings = { name: "bulk", index: { threshold: 300 } };
  await api.call("POST", "/v1/collections", { key: tenant.key, body: settings });
  const documents = [...many(500, "bulk"), { id: "bad", content: "x", embedding: Array(1536).fill(0) }];
  const begun = await api.call("POST", "/v1/documents/bulk", {
    key: tenant.key,
    body: { collection: "bulk", documents },
  });
  expect(begun.status).toBe(202);
  expect(begun.body).toMatchObject({ kind: "ingest", status: "in_progress", result: null });
  const location = begun.headers.get("Location") as string;
  expect(location).toBe(`/v1/jobs/${begun.body.id}`);
  const job = await ended(location);
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

test("a job's progress comes as events until it ends", async () => {
  const begun = await api.call("POST", "/v1/documents/bulk", {
    key: tenant.key,
    body: { documents: many(600, "watched") },
  });
  const watched = await api.call("GET", `/v1/jobs/${begun.body.id}/events`, { key: tenant.key });
  expect(watched.headers.get("Content-Type")).toContain("text/event-stream");
  const states = [...watched.text.matchAll(/^event: job\ndata: (.*)$/gm)].map(([, data]) =>
    JSON.parse(data as string),
  );
  expect(states.length).toBeGreaterThanOrEqual(2);
  expect(states[0].status).toBe("in_progress");
  expect(states.at(-1)).toMatchObject({ status: "completed", counts: { documents: 600 } });
});

describe("a job that is watched while the database fails", () => {
  /** `before` is called with the number of a look at the job, from 0; what it throws the look throws. */
  async function watch(before: (look: number, id: string) => unknown, longestStream: number) {
    const { id } = await createJob(own.database, tenant.id, { kind: "never begun", request: {} });
    const lines: string[] = [];
    let looks = 0;
    const database: Database = {
      ...own.database,
      async transaction(work, settings) {
        if (settings?.["cairn.tenant_id"] === tenant.id) await before(looks++, id);
        return own.database.transaction(work, settings);
      },
    };
    const log = createLog({ write: (line) => lines.push(line) });
    const shaky = await createTestApi(database, { log });
    const raw = vi.spyOn(console, "error").mockImplementation(() => {});
    onTestFinished(() => raw.mockRestore());
    const answer = await shaky.app.request(
      `/v1/jobs/${id}/events`,
      { headers: { Authorization: `Bearer ${tenant.key}` } },
      { longestStream },
    );
    const events = [...(await answer.text()).matchAll(/^event: (\w+)\ndata: (.*)$/gm)].map(
      ([, name, data]) => ({ name, data: data ? JSON.parse(data) : undefined }),
    );
    expect(raw).not.toHaveBeenCalled();
    return { events, lines: lines.map((line) => JSON.parse(line)) };
  }
  const unreachable = () => {
    throw new AppError("database_unavailable", "The database cannot be reached.");
  };

  test("is seen to its end where that passes", async () => {
    const { events, lines } = await watch((look, id) => {
      if (look >= 1 && look <= 3) unreachable();
      return look === 4 && cancelJob(own.database, { tenantId: tenant.id, id });
    }, 60_000);
    expect(events.map(({ name, data }) => [name, data.status])).toEqual([
      ["job", "in_progress"],
      ["job", "cancelled"],
    ]);
    expect(lines.map(({ message }) => message)).toEqual(["request"]);
  });

  test("goes on elsewhere where it does not pass within the stream's time", async () => {
    const { events, lines } = await watch((look) => look >= 1 && unreachable(), 1_500);
    expect(events.map(({ name }) => name)).toEqual(["job", "continue"]);
    expect(lines).toEqual([expect.objectContaining({ message: "request", status: 200 })]);
    expect(lines[0]).not.toHaveProperty("code");
  });

  test("ends with the problem where nobody expected it, which is logged", async () => {
    const { events, lines } = await watch((look) => {
      if (look === 1) throw new TypeError("oops");
    }, 60_000);
    expect(events).toMatchObject([
      { name: "job" },
      { name: "error", data: { code: "internal_error", status: 500 } },
    ]);
    expect(events[1]?.data.detail).not.toContain("oops");
    const { request_id } = events[1]?.data ?? {};
    expect(lines).toMatchObject([
      { message: "failure", request_id, error: { name: "TypeError" } },
      { message: "request", request_id, status: 200, code: "internal_error" },
    ]);
  });
});

describe("watching a job", () => {
  /** An API over a database that counts how often the tenant's rows are looked at. */
  async function counted() {
    const { id, key } = await api.addTenant();
    let looks = 0;
    const database: Database = {
      ...own.database,
      async transaction(work, settings) {
        if (settings?.["cairn.tenant_id"] === id) looks++;
        return own.database.transaction(work, settings);
      },
    };
    const job = await createJob(own.database, id, { kind: "never begun", request: {} });
    const { app } = await createTestApi(database);
    const ask = (method = "GET") =>
      app.request(`/v1/jobs/${job.id}/events`, { method, headers: { Authorization: `Bearer ${key}` } });
    return { address: { tenantId: id, id: job.id }, ask, looks: () => looks };
  }

  test("HEAD is answered at once, and nothing looks at the job afterwards", async () => {
    const { ask, looks } = await counted();
    const answer = await ask("HEAD");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("Content-Type")).toContain("text/event-stream");
    expect(await answer.text()).toBe("");
    const before = looks();
    await new Promise((resolve) => setTimeout(resolve, 1_600)); // three looks of a watcher
    expect(looks()).toBe(before);
  });

  test("a hundred watchers share one look, the next is refused, and each is told of the end", async () => {
    const { address, ask, looks } = await counted();
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask()));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const texts = Promise.all(answers.map((answer) => answer.text()));
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(refused.headers.get("Retry-After")).toBe("5");
    expect(await refused.json()).toMatchObject({ code: "too_many_watchers" });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await cancelJob(own.database, address);
    for (const text of await texts) expect(text).toMatch(/^event: job\ndata: .*"cancelled"/m);
    const intervals = (performance.now() - began) / 400;
    expect(looks()).toBeLessThanOrEqual(101 + intervals + 1); // one for each request, and one an interval
    expect((await ask()).status, "their places are free again").toBe(200);
  });

  test("ends with `continue` when the service is shut down, and other requests have a while", async () => {
    const closing = new AbortController();
    const { id, key } = await api.addTenant();
    const job = await createJob(own.database, id, { kind: "never begun", request: {} });
    const { app } = await createTestApi(own.database, { closing: closing.signal });
    const headers = { Authorization: `Bearer ${key}` };
    const open = await app.request(`/v1/jobs/${job.id}/events`, { headers });
    const text = open.text();
    closing.abort();
    const early = new Promise((_, reject) => setTimeout(reject, 4_000, new Error("not ended at once")));
    expect(await Promise.race([text, early])).toMatch(/event: continue\n/); // other requests have 6 s
    expect((await app.request(`/v1/jobs/${job.id}`, { headers })).status).toBe(200);
    const late = await app.request(`/v1/jobs/${job.id}/events`, { headers });
    expect(await late.text()).toMatch(/event: continue\n/);
  });
});

test("a cancelled job ends, and what it has done stays", async () => {
  const slow = { ...api.services };
  const job = await createJob(own.database, tenant.id, { kind: "slow", request: {} });
  let begun = () => {};
  const running = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const work = runJob(
    slow,
    {
      slow: async (_, { signal, report }) => {
        report({ steps: 1 });
        begun();
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        return {};
      },
    },
    { tenantId: tenant.id, id: job.id },
  );
  await running;
  expect((await api.call("POST", `/v1/jobs/${job.id}/cancel`, { key: tenant.key })).status).toBe(200);
  await work;
  expect(await getJob(own.database, { tenantId: tenant.id, id: job.id })).toMatchObject({
    status: "cancelled",
    counts: { steps: 1 },
  });
  const unbegun = await createJob(own.database, tenant.id, { kind: "slow", request: {} });
  expect((await api.call("POST", `/v1/jobs/${unbegun.id}/cancel`, { key: tenant.key })).body.status).toBe(
    "cancelled",
  );
});

test("of two workers one runs a job; when it dies the next takes it over, and a failure is told", async () => {
  const job = await createJob(own.database, tenant.id, { kind: "once", request: { n: 1 } });
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
  await runJob(api.services, kinds, address); // it has ended: nothing to do
  expect(runs).toBe(1);
});

test("a worker whose time is over gives the job back; the next goes on, and no failure before is forgotten", async () => {
  const documents = [
    { id: "bad", content: "x", embedding: Array(1536).fill(0) },
    ...many(449, "given-back"),
    { content: "nameless" },
  ];
  const sent: JobAddress[] = [];
  const queue = { send: async (job: JobAddress) => void sent.push(job) };
  const app = createApp(api.services, { queue });
  const begun = await app.request("/v1/documents/bulk", {
    method: "POST",
    headers: { Authorization: `Bearer ${tenant.key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ collection: "given-back", documents }),
  });
  expect(begun.status).toBe(404);
  await api.call("POST", "/v1/collections", { key: tenant.key, body: { name: "given-back" } });
  const body = { collection: "given-back", documents };
  await app.request("/v1/documents/bulk", {
    method: "POST",
    headers: { Authorization: `Bearer ${tenant.key}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const [address] = sent as [JobAddress];
  const { ingest } = createJobKinds({});
  const time = new AbortController();
  const stopped: JobRunner = (services, work) =>
    (ingest as JobRunner)(services, {
      ...work,
      report(counts, partial) {
        work.report(counts, partial);
        if (counts.position === 200) time.abort();
      },
    });
  expect(await runJob(api.services, { ingest: stopped }, address, { signal: time.signal })).toBe("released");
  const between = await api.call("GET", `/v1/jobs/${address.id}`, { key: tenant.key });
  expect(between.body).toMatchObject({
    status: "in_progress",
    result: null,
    counts: { position: 200, failed: 1 },
  });
  expect(await runJob(api.services, createJobKinds({}), address)).toBe("ended");
  expect(await ended(`/v1/jobs/${address.id}`)).toMatchObject({
    status: "completed",
    counts: { position: 451, documents: 450, failed: 1 },
    result: { documents: 450, failed: [{ id: "bad" }] },
  });
});

test("jobs that a process left are taken up by the next", async () => {
  const request = { documents: many(3, "left") };
  const job = await createJob(own.database, tenant.id, { kind: "ingest", request });
  const next = await createTestApi(own.database);
  await next.queue.resume();
  expect(await ended(`/v1/jobs/${job.id}`)).toMatchObject({ status: "completed", counts: { documents: 3 } });
  await next.queue.close();
});

test("a job that the queue does not take has failed, and whoever asked for it is told", async () => {
  const { id, key } = await api.addTenant();
  const queue = { send: () => Promise.reject(new Error("the queue is down")) };
  const app = createApp(api.services, { queue });
  const answer = await app.request("/v1/reindex", {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: "{}",
  });
  expect(answer.status).toBe(500);
  expect(await listJobs(own.database, id)).toMatchObject([
    {
      status: "failed",
      lastError: { code: "internal_error", message: expect.stringMatching(/Send it again/) },
    },
  ]);
});

test("reindex builds what is due, and with a model embeds a collection anew", async () => {
  await api.call("POST", "/v1/collections", {
    key: tenant.key,
    body: { name: "grown", index: { threshold: 50 } },
  });
  await api.call("POST", "/v1/documents", {
    key: tenant.key,
    body: { collection: "grown", documents: many(60, "grown") },
  });
  const begun = await api.call("POST", "/v1/reindex", { key: tenant.key, body: { collection: "grown" } });
  const job = await ended(`/v1/jobs/${begun.body.id}`);
  expect(job.result.done.length).toBeGreaterThan(0);
  const unknown = await api.call("POST", "/v1/reindex", {
    key: tenant.key,
    body: { collection: "grown", model: "openai/x" },
  });
  expect(unknown).toMatchObject({ status: 422, body: { code: "embedder_unavailable" } });
});

test("the operator starts a migration, watches it and reads its proof", async () => {
  const { name } = tenantName();
  await putRecords(await createChromaCollection(inject("chromaUrl"), name), plainRecords(40, 8));
  const begun = await api.call("POST", "/v1/migrations", {
    key: api.operator,
    body: { only: [name], queries: 5 },
  });
  expect(begun.status).toBe(202);
  const early = await api.call("GET", `/v1/migrations/${begun.body.id}/report`, { key: api.operator });
  expect([200, 404]).toContain(early.status);
  const job = await ended(`/v1/jobs/${begun.body.id}`, api.operator);
  expect(job.last_error).toBeNull();
  expect(job).toMatchObject({ status: "completed", result: { verdict: "identical" } });
  const { body } = await api.call("GET", `/v1/migrations/${begun.body.id}/report`, { key: api.operator });
  expect(body.verdict).toBe("identical");
  const page = await api.call("GET", `/v1/migrations/${begun.body.id}/report?format=html`, {
    key: api.operator,
  });
  expect(page.text).toContain("</html>");
  const { migrations } = (await api.call("GET", "/v1/migrations", { key: api.operator })).body;
  expect(migrations.map(({ id }: { id: string }) => id)).toContain(begun.body.id);
  expect((await api.call("GET", `/v1/jobs/${begun.body.id}`, { key: tenant.key })).status).toBe(404);
  const elsewhere = await createTestApi(own.database);
  const unset = await elsewhere.call("POST", "/v1/migrations", { key: api.operator, body: {} });
  expect(unset).toMatchObject({ status: 422, body: { code: "source_unsupported" } });
  expect(unset.body.detail).toContain("CHROMA_URL");
});
