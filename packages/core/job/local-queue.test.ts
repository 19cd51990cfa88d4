import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createTestDatabase, serverUrl, type TestDatabase } from "../../../test/support/database.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { asTenant } from "../database/transaction.ts";
import type { Services } from "../services.ts";
import { createTenant } from "../tenant/tenant.ts";
import { takeIdleJobs } from "./idle.ts";
import { createJob, getJob, type JobAddress } from "./job.ts";
import { takeJob } from "./lease.ts";
import { createLocalQueue } from "./local-queue.ts";
import { type JobKinds, runJob } from "./run.ts";
import { listWaitingJobs } from "./waiting.ts";

let own: TestDatabase;
let services: Services;
beforeAll(async () => {
  own = await createTestDatabase();
  services = offlineServices(own.database);
});
afterAll(() => own?.drop());

const newTenant = async () => (await createTenant(own.database)).id;

async function jobsOf(tenantId: string | null, kind: string, count = 1): Promise<readonly JobAddress[]> {
  const made: JobAddress[] = [];
  for (let n = 0; n < count; n++) {
    const { id } = await createJob(own.database, tenantId, { kind, request: { n } });
    made.push({ tenantId, id });
  }
  return made;
}

/** As the lease of a killed worker is when its time has passed. */
const expireLease = ({ tenantId, id }: JobAddress) =>
  asTenant(own.database, tenantId as string, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.jobs SET held_until = now() - interval '1 second' WHERE id = ${id}::uuid`),
  );

const status = async (job: JobAddress) => (await getJob(own.database, job)).status;

test.each([1, 2, 3])(
  "a tenant's one job is not behind fourteen of another's, with %i workers",
  async (concurrency) => {
    const [many, one] = [await newTenant(), await newTenant()];
    const kind = `short ${concurrency}`;
    const before = await jobsOf(many, kind, 14);
    const [last] = await jobsOf(one, kind);
    const order: string[] = [];
    const run = async (_: Services, { id }: { readonly id: string }) => {
      order.push(id);
      return {};
    };
    const queue = createLocalQueue(services, { [kind]: run }, { concurrency });
    await queue.send(before[0] as JobAddress);
    await vi.waitFor(() => expect(order).toHaveLength(15), { timeout: 60_000 });
    await queue.close();
    expect(order.indexOf(last?.id as string)).toBeLessThanOrEqual(concurrency);
    expect(new Set(order).size).toBe(15);
  },
);

test("a tenant whose jobs do not end leaves a worker to the others", async () => {
  const [slow, quick] = [await newTenant(), await newTenant()];
  const stuck = await jobsOf(slow, "stuck", 5);
  const begun: string[] = [];
  const kinds: JobKinds = {
    stuck: async (_, { id, signal }) => {
      begun.push(id);
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      return {};
    },
    quick: async () => ({ done: true }),
  };
  const queue = createLocalQueue(services, kinds);
  await queue.send(stuck[0] as JobAddress);
  await vi.waitFor(() => expect(begun).toHaveLength(2), { timeout: 60_000 });
  const [other] = await jobsOf(quick, "quick");
  await queue.send(other as JobAddress);
  await vi.waitFor(async () => expect(await status(other as JobAddress)).toBe("completed"), {
    timeout: 60_000,
  });
  expect(begun).toHaveLength(2);
  await queue.close();
  for (const job of stuck) {
    expect(await getJob(own.database, job)).toMatchObject({ status: "in_progress", attempts: 0 });
    await runJob(services, { stuck: async () => ({}) }, job);
  }
});

test("every process finds what a killed worker left, without being started again", async () => {
  const tenantId = await newTenant();
  const [left] = (await jobsOf(tenantId, "left")) as [JobAddress];
  const queue = createLocalQueue(services, { left: async () => ({}) }, { interval: 50 });
  await takeJob(own.database, left); // whoever took it never comes back
  await queue.resume();
  expect(await status(left)).toBe("in_progress");
  await expireLease(left);
  await vi.waitFor(async () => expect(await status(left)).toBe("completed"), { timeout: 60_000 });
  await queue.close();
});

test("a job that was handed over three times has lost no worker; one that lost three has failed, and the operator's too", async () => {
  const tenantId = await newTenant();
  const [job] = (await jobsOf(tenantId, "handed over")) as [JobAddress];
  const kinds: JobKinds = {
    "handed over": async (_, { counts, signal, report }) => {
      report({ steps: (counts.steps ?? 0) + 1 });
      signal.throwIfAborted();
      return {};
    },
  };
  const signal = AbortSignal.abort();
  for (let n = 1; n <= 4; n++) {
    expect(await runJob(services, kinds, job, { signal })).toBe("released");
    expect(await getJob(own.database, job)).toMatchObject({ attempts: 0, counts: { steps: n } });
  }
  for (let n = 1; n <= 3; n++) {
    expect(await takeJob(own.database, job)).toMatchObject({ counts: { steps: 4 } });
    expect(await takeJob(own.database, job), "it is held").toBeUndefined();
    await expireLease(job);
  }
  expect(await runJob(services, kinds, job)).toBe("elsewhere");
  const failed = await getJob(own.database, job);
  expect(failed).toMatchObject({ status: "failed", attempts: 3, counts: { steps: 4 } });
  expect(failed.lastError).toMatchObject({
    code: "worker_lost",
    message: expect.stringMatching(/3 workers.*memory/),
  });
  const [row] = await asTenant(own.database, tenantId, async ({ orm }) => {
    const { rows } = (await orm.execute(
      sql`SELECT request, result FROM cairn.jobs WHERE id = ${job.id}::uuid`,
    )) as unknown as { readonly rows: readonly object[] };
    return rows;
  });
  expect(row).toEqual({ request: null, result: null });
});

test("a job whose runner does not stop when it should is handed over without it", async () => {
  const [job] = (await jobsOf(await newTenant(), "deaf")) as [JobAddress];
  const stop = new AbortController();
  const kinds: JobKinds = {
    deaf: async (_, { report }) => {
      report({ steps: 1 });
      stop.abort();
      return new Promise(() => {});
    },
  };
  expect(await runJob(services, kinds, job, { signal: stop.signal })).toBe("released");
  expect(await getJob(own.database, job)).toMatchObject({ attempts: 0, counts: { steps: 1 } });
  await runJob(services, { deaf: async () => ({}) }, job);
}, 30_000);

test("of jobs that have lost a worker one runs at a time, so that the innocent are not lost with the guilty", async () => {
  const suspects: JobAddress[] = [];
  for (let n = 0; n < 3; n++) suspects.push(...(await jobsOf(await newTenant(), "suspect")));
  for (const job of suspects) {
    await takeJob(own.database, job);
    await expireLease(job);
  }
  let running = 0;
  let most = 0;
  const kinds: JobKinds = {
    suspect: async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 20));
      running--;
      return {};
    },
  };
  const queue = createLocalQueue(services, kinds, { interval: 50 });
  await queue.resume();
  for (const job of suspects)
    await vi.waitFor(async () => expect(await status(job)).toBe("completed"), { timeout: 60_000 });
  await queue.close();
  expect(most).toBe(1);
});

test("idle jobs of all tenants and the operator are found once, by one statement", async () => {
  const tenants = [await newTenant(), await newTenant(), null];
  const made = [];
  for (const tenantId of tenants) made.push(...(await jobsOf(tenantId, "idle")));
  expect(await takeIdleJobs(own.database, 3_600_000)).toEqual([]);
  const found = await takeIdleJobs(own.database, 0);
  expect(found).toEqual(expect.arrayContaining(made));
  expect(await takeIdleJobs(own.database, 3_600_000)).toEqual([]);
  let transactions = 0;
  const transaction: typeof own.database.transaction = (work, settings) => {
    transactions++;
    return own.database.transaction(work, settings);
  };
  await listWaitingJobs({ ...own.database, transaction });
  expect(transactions).toBe(1);
});

describe.runIf(serverUrl())("a job whose worker is killed", () => {
  const file = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const WORKER = `
    const { connectPg } = await import(${file("../database/pg.ts")});
    const { createEmbedders } = await import(${file("../embedding/embedders.ts")});
    const { runJob } = await import(${file("./run.ts")});
    const [, , url, tenantId, id] = process.argv;
    const services = { database: connectPg({ url }), embedders: createEmbedders({}) };
    const outcome = await runJob(services, { poison: () => process.kill(process.pid, "SIGKILL") }, { tenantId, id });
    console.log(outcome);
    await services.database.close();`;

  test("three times has failed with the reason, and the fourth worker survives", async () => {
    const folder = await mkdtemp(join(tmpdir(), "cairn-worker-"));
    try {
      const script = join(folder, "worker.mjs");
      await writeFile(script, WORKER);
      const tenantId = await newTenant();
      const [job] = (await jobsOf(tenantId, "poison")) as [JobAddress];
      const work = async () => {
        const flags = ["--no-warnings", "--import", "@cairn/core/database/drizzle-hook.mjs"];
        const child = spawn(process.execPath, [...flags, script, own.url as string, tenantId, job.id], {
          stdio: ["ignore", "pipe", "inherit"],
          cwd: import.meta.dirname,
        });
        let said = "";
        child.stdout.on("data", (text) => {
          said += text;
        });
        const [code, signal] = await once(child, "close");
        return { code, signal, said: said.trim() };
      };
      for (let n = 1; n <= 3; n++) {
        expect(await work()).toEqual({ code: null, signal: "SIGKILL", said: "" });
        expect(await getJob(own.database, job)).toMatchObject({ status: "in_progress", attempts: n });
        await expireLease(job);
      }
      expect(await work()).toEqual({ code: 0, signal: null, said: "elsewhere" });
      expect(await getJob(own.database, job)).toMatchObject({
        status: "failed",
        lastError: { code: "worker_lost" },
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
