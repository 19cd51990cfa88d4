import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import { cancelJob, createJob } from "@cairn/core/job/job.ts";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createTestApi, useTestApi } from "../../test/support/api.ts";
import { useResource, useTestDatabase } from "../../test/support/fixture.ts";
import { createLog } from "./telemetry/log.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase);
const tenant = useResource(() => api.addTenant());

test("the progress of a job is streamed as events until it ends", async () => {
  const accepted = await api.call("POST", "/v1/documents/bulk", {
    key: tenant.key,
    body: { documents: Array.from({ length: 600 }, (_, n) => ({ content: `passage number ${n}` })) },
  });
  const watched = await api.call("GET", `/v1/jobs/${accepted.body.id}/events`, { key: tenant.key });
  expect(watched.headers.get("Content-Type")).toContain("text/event-stream");
  const states = [...watched.text.matchAll(/^event: job\ndata: (.*)$/gm)].map(([, data]) => JSON.parse(data as string));
  expect(states.length).toBeGreaterThanOrEqual(2);
  expect(states[0].status).toBe("in_progress");
  expect(states.at(-1)).toMatchObject({ status: "completed", counts: { documents: 600 } });
});

describe("a job that is watched while the database fails", () => {
  /** Watches a job. `before` runs before each poll with its number, from 0; an error that it throws fails the poll. */
  async function watch(before: (poll: number, id: string) => unknown, maxStreamMs: number) {
    const { id } = await createJob(testDatabase.database, tenant.id, { kind: "never begun", request: {} });
    const lines: string[] = [];
    let polls = 0;
    const database: Database = {
      ...testDatabase.database,
      async transaction(work, settings) {
        if (settings?.["cairn.tenant_id"] === tenant.id) await before(polls++, id);
        return testDatabase.database.transaction(work, settings);
      },
    };
    const log = createLog({ write: (line) => lines.push(line) });
    const unreliable = await createTestApi(database, { log });
    const consoleError = vi.spyOn(console, "error").mockImplementation(() => {});
    onTestFinished(() => consoleError.mockRestore());
    const answer = await unreliable.app.request(
      `/v1/jobs/${id}/events`,
      { headers: { Authorization: `Bearer ${tenant.key}` } },
      { maxStreamMs },
    );
    const events = [...(await answer.text()).matchAll(/^event: (\w+)\ndata: (.*)$/gm)].map(([, name, data]) => ({
      name,
      data: data ? JSON.parse(data) : undefined,
    }));
    expect(consoleError).not.toHaveBeenCalled();
    return { events, lines: lines.map((line) => JSON.parse(line)) };
  }
  const unreachable = () => {
    throw new AppError("database_unavailable", "The database cannot be reached.");
  };

  test("is watched to its end if the failure is transient", async () => {
    const { events, lines } = await watch((poll, id) => {
      if (poll >= 1 && poll <= 3) unreachable();
      return poll === 4 && cancelJob(testDatabase.database, { tenantId: tenant.id, id });
    }, 60_000);
    expect(events.map(({ name, data }) => [name, data.status])).toEqual([
      ["job", "in_progress"],
      ["job", "cancelled"],
    ]);
    expect(lines.map(({ message }) => message)).toEqual(["request"]);
  });

  test("ends with `continue` if the failure lasts longer than the stream", async () => {
    const { events, lines } = await watch((poll) => poll >= 1 && unreachable(), 1_500);
    expect(events.map(({ name }) => name)).toEqual(["job", "continue"]);
    expect(lines).toEqual([expect.objectContaining({ message: "request", status: 200 })]);
    expect(lines[0]).not.toHaveProperty("code");
  });

  test("ends with the problem after an unexpected error, which is logged", async () => {
    const { events, lines } = await watch((poll) => {
      if (poll === 1) throw new TypeError("oops");
    }, 60_000);
    expect(events).toMatchObject([{ name: "job" }, { name: "error", data: { code: "internal_error", status: 500 } }]);
    expect(events[1]?.data.detail).not.toContain("oops");
    const { request_id } = events[1]?.data ?? {};
    expect(lines).toMatchObject([
      { message: "failure", request_id, error: { name: "TypeError" } },
      { message: "request", request_id, status: 200, code: "internal_error" },
    ]);
  });
});

describe("watching a job", () => {
  /** Creates an API over a database that counts the transactions of the tenant. */
  async function createCountingApi() {
    const { id, key } = await api.addTenant();
    let polls = 0;
    const database: Database = {
      ...testDatabase.database,
      async transaction(work, settings) {
        if (settings?.["cairn.tenant_id"] === id) polls++;
        return testDatabase.database.transaction(work, settings);
      },
    };
    const job = await createJob(testDatabase.database, id, { kind: "never begun", request: {} });
    const { app } = await createTestApi(database);
    const ask = (method = "GET") =>
      app.request(`/v1/jobs/${job.id}/events`, { method, headers: { Authorization: `Bearer ${key}` } });
    return { address: { tenantId: id, id: job.id }, ask, polls: () => polls };
  }

  test("with HEAD is answered immediately, and the job is not polled afterwards", async () => {
    const { ask, polls } = await createCountingApi();
    const answer = await ask("HEAD");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("Content-Type")).toContain("text/event-stream");
    expect(await answer.text()).toBe("");
    const before = polls();
    await new Promise((resolve) => setTimeout(resolve, 1_600)); // three polls of a watcher
    expect(polls()).toBe(before);
  });

  test("a hundred times shares one poll, the next watcher is refused, and each one receives the end", async () => {
    const { address, ask, polls } = await createCountingApi();
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask()));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const texts = Promise.all(answers.map((answer) => answer.text()));
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(refused.headers.get("Retry-After")).toBe("5");
    expect(await refused.json()).toMatchObject({ code: "too_many_watchers" });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await cancelJob(testDatabase.database, address);
    for (const text of await texts) expect(text).toMatch(/^event: job\ndata: .*"cancelled"/m);
    const intervals = (performance.now() - began) / 400;
    expect(polls()).toBeLessThanOrEqual(101 + intervals + 1); // one for each request, and one for each interval
    expect((await ask()).status, "their slots are free again").toBe(200);
  });

  test("ends with `continue` when the service shuts down, and other requests continue to work", async () => {
    const closing = new AbortController();
    const { id, key } = await api.addTenant();
    const job = await createJob(testDatabase.database, id, { kind: "never begun", request: {} });
    const { app } = await createTestApi(testDatabase.database, { closing: closing.signal });
    const headers = { Authorization: `Bearer ${key}` };
    const open = await app.request(`/v1/jobs/${job.id}/events`, { headers });
    const text = open.text();
    closing.abort();
    const early = new Promise((_, reject) =>
      setTimeout(reject, 4_000, new Error("the stream did not end immediately")),
    );
    expect(await Promise.race([text, early])).toMatch(/event: continue\n/); // other requests have 6 s
    expect((await app.request(`/v1/jobs/${job.id}`, { headers })).status).toBe(200);
    const late = await app.request(`/v1/jobs/${job.id}/events`, { headers });
    expect(await late.text()).toMatch(/event: continue\n/);
  });
});
