import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { describe, expect, test, vi } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { asTenant } from "../database/transaction.ts";
import type { Services } from "../services.ts";
import { createTenant } from "../tenant/tenant.ts";
import { claimIdleJobs } from "./idle.ts";
import { createJob, getJob, type JobAddress } from "./job.ts";
import { leaseJob } from "./lease.ts";
import { createLocalQueue } from "./local-queue.ts";
import { type JobKinds, runJob } from "./run.ts";
import { listWaitingJobs } from "./waiting.ts";

const own = useTestDatabase();
const { services } = own;

const newTenant = async () => (await createTenant(own.database)).id;

async function createJobs(tenantId: string | null, kind: string, count = 1): Promise<readonly JobAddress[]> {
  const created: JobAddress[] = [];
  for (let n = 0; n < count; n++) {
    const { id } = await createJob(own.database, tenantId, { kind, request: { n } });
    created.push({ tenantId, id });
  }
  return created;
}

/** Ends the lease of a job, as time does after its worker was killed. */
const expireLease = ({ tenantId, id }: JobAddress) =>
  asTenant(own.database, tenantId as string, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.jobs SET held_until = now() - interval '1 second' WHERE id = ${id}::uuid`),
  );

const status = async (job: JobAddress) => (await getJob(own.database, job)).status;

test.each([1, 2, 3])(
  "a tenant's single job does not wait for fourteen jobs of another tenant, with %i workers",
  async (concurrency) => {
    const [busyTenant, otherTenant] = [await newTenant(), await newTenant()];
    const kind = `short ${concurrency}`;
    const earlier = await createJobs(busyTenant, kind, 14);
    const [last] = await createJobs(otherTenant, kind);
    const order: string[] = [];
    const run = async (_: Services, { id }: { readonly id: string }) => {
      order.push(id);
      return {};
    };
    const queue = createLocalQueue(services, { [kind]: run }, { concurrency });
    await queue.send(earlier[0] as JobAddress);
    await vi.waitFor(() => expect(order).toHaveLength(15), { timeout: 60_000 });
    await queue.close();
    expect(order.indexOf(last?.id as string)).toBeLessThanOrEqual(concurrency);
    expect(new Set(order).size).toBe(15);
  },
);

test("a tenant whose jobs never finish leaves a worker free for other tenants", async () => {
  const [slow, quick] = [await newTenant(), await newTenant()];
  const stuck = await createJobs(slow, "stuck", 5);
  const started: string[] = [];
  const kinds: JobKinds = {
    stuck: async (_, { id, signal }) => {
      started.push(id);
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      return {};
    },
    quick: async () => ({ done: true }),
  };
  const queue = createLocalQueue(services, kinds);
  await queue.send(stuck[0] as JobAddress);
  await vi.waitFor(() => expect(started).toHaveLength(2), { timeout: 60_000 });
  const [other] = await createJobs(quick, "quick");
  await queue.send(other as JobAddress);
  await vi.waitFor(async () => expect(await status(other as JobAddress)).toBe("completed"), {
    timeout: 60_000,
  });
  expect(started).toHaveLength(2);
  await queue.close();
  for (const job of stuck) {
    expect(await getJob(own.database, job)).toMatchObject({ status: "in_progress", attempts: 0 });
    await runJob(services, { stuck: async () => ({}) }, job);
  }
});

test("every process finds the jobs of a killed worker without a restart", async () => {
  const tenantId = await newTenant();
  const [job] = (await createJobs(tenantId, "left")) as [JobAddress];
  const queue = createLocalQueue(services, { left: async () => ({}) }, { interval: 50 });
  await leaseJob(own.database, job); // this worker never finishes it
  await queue.resume();
  expect(await status(job)).toBe("in_progress");
  await expireLease(job);
  await vi.waitFor(async () => expect(await status(job)).toBe("completed"), { timeout: 60_000 });
  await queue.close();
});

test("a job that was released four times has lost no worker, and a job that lost three workers fails", async () => {
  const tenantId = await newTenant();
  const [job] = (await createJobs(tenantId, "handed over")) as [JobAddress];
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
    expect(await leaseJob(own.database, job)).toMatchObject({ counts: { steps: 4 } });
    expect(await leaseJob(own.database, job), "another worker has the lease").toBeUndefined();
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

test("a job whose runner ignores the abort signal is released after the stop timeout", async () => {
  const [job] = (await createJobs(await newTenant(), "deaf")) as [JobAddress];
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

test("only one job that has lost a worker runs at a time", async () => {
  const riskyJobs: JobAddress[] = [];
  for (let n = 0; n < 3; n++) riskyJobs.push(...(await createJobs(await newTenant(), "suspect")));
  for (const job of riskyJobs) {
    await leaseJob(own.database, job);
    await expireLease(job);
  }
  let running = 0;
  let maxRunning = 0;
  const kinds: JobKinds = {
    suspect: async () => {
      maxRunning = Math.max(maxRunning, ++running);
      await new Promise((resolve) => setTimeout(resolve, 20));
      running--;
      return {};
    },
  };
  const queue = createLocalQueue(services, kinds, { interval: 50 });
  await queue.resume();
  for (const job of riskyJobs)
    await vi.waitFor(async () => expect(await status(job)).toBe("completed"), { timeout: 60_000 });
  await queue.close();
  expect(maxRunning).toBe(1);
});

test("idle jobs of all tenants and the operator are claimed once, and listed by one statement", async () => {
  const tenants = [await newTenant(), await newTenant(), null];
  const created = [];
  for (const tenantId of tenants) created.push(...(await createJobs(tenantId, "idle")));
  expect(await claimIdleJobs(own.database, 3_600_000)).toEqual([]);
  const found = await claimIdleJobs(own.database, 0);
  expect(found).toEqual(expect.arrayContaining(created));
  expect(await claimIdleJobs(own.database, 3_600_000)).toEqual([]);
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

  test("three times fails with the reason, and the fourth worker survives", async () => {
    const folder = await mkdtemp(join(tmpdir(), "cairn-worker-"));
    try {
      const script = join(folder, "worker.mjs");
      await writeFile(script, WORKER);
      const tenantId = await newTenant();
      const [job] = (await createJobs(tenantId, "poison")) as [JobAddress];
      const work = async () => {
        const flags = ["--no-warnings", "--import", "@cairn/core/database/drizzle-hook.mjs"];
        const child = spawn(process.execPath, [...flags, script, own.url as string, tenantId, job.id], {
          stdio: ["ignore", "pipe", "inherit"],
          cwd: import.meta.dirname,
        });
        let output = "";
        child.stdout.on("data", (text) => {
          output += text;
        });
        const [code, signal] = await once(child, "close");
        return { code, signal, output: output.trim() };
      };
      for (let n = 1; n <= 3; n++) {
        expect(await work()).toEqual({ code: null, signal: "SIGKILL", output: "" });
        expect(await getJob(own.database, job)).toMatchObject({ status: "in_progress", attempts: n });
        await expireLease(job);
      }
      expect(await work()).toEqual({ code: 0, signal: null, output: "elsewhere" });
      expect(await getJob(own.database, job)).toMatchObject({
        status: "failed",
        lastError: { code: "worker_lost" },
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
