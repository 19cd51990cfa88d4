import { readReport } from "@cairn/chroma/ledger/batch.ts";
import { readNewestRun } from "@cairn/chroma/ledger/watch.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import type { Source } from "@cairn/chroma/source/source.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { listDocuments } from "@cairn/core/document/list.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { thisProcess } from "@cairn/core/process-identity.ts";
import { listTenants } from "@cairn/core/tenant/tenant.ts";
import validate from "asl-validator";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { createTestDatabase, serverUrl, type TestDatabase } from "../../test/support/database.ts";
import {
  createChromaCollection,
  plainRecords,
  putRecords,
  tenantName,
} from "../../test/support/fill-chroma.ts";
import { always, isFetch, startHttpProxy } from "../../test/support/proxy.ts";
import { offlineServices } from "../../test/support/services.ts";
import { type Invoke, runMachine, StateError } from "../../test/support/state-machine.ts";
import { migrationMachine } from "./machine.ts";
import { runStep, type StepEvent } from "./step.ts";

const machine = migrationMachine({
  functionArn: "arn:aws:lambda:eu-central-1:123456789012:function:steps",
  shards: 4,
});
const chroma = inject("chromaUrl");

interface Limits {
  /** A step's time is over when it has asked for so many pages, however fast the machine. */
  readonly pages?: number;
  /** Likewise for searches of Chroma. */
  readonly searches?: number;
  readonly maxRows?: number;
}

/**
 * The steps over a real database and a real Chroma, as the Lambda calls them: JSON in, JSON out.
 */
function stepRunner(
  database: Database,
  { pages, searches, maxRows }: Limits = {},
  opened: Promise<Source> = openSource({ url: chroma }),
): Invoke {
  return async (payload) => {
    const time = new AbortController();
    const source = await opened;
    let asked = 0;
    let searched = 0;
    const getRecords: Source["getRecords"] = (...given) => {
      if (++asked === pages) time.abort();
      return source.getRecords(...given);
    };
    const query: Source["query"] = (...given) => {
      if (++searched === searches) time.abort();
      return source.query(...given);
    };
    return runStep(
      {
        services: offlineServices(database),
        source: { ...source, getRecords, query },
        databaseName: "test",
        cairnVersion: "test",
        signal: time.signal,
        maxRows,
      },
      payload as StepEvent,
    );
  };
}

// In the cloud there is always a server.
describe.runIf(serverUrl())("the migration as a machine", () => {
  let own: TestDatabase;
  let names: readonly string[];
  beforeEach(async () => {
    own = await createTestDatabase();
    names = [1, 2, 3, 4].map(() => tenantName().name);
    for (const [index, name] of names.entries())
      await putRecords(await createChromaCollection(chroma, name), plainRecords(60 + 20 * index, 8));
  });
  afterEach(() => own?.drop());

  const input = (more: object = {}) => ({
    request: { only: [...names], queries: 8, page_size: 10, ...more },
  });

  async function expectAllThere() {
    const tenants = (await listTenants(own.database)).toSorted(
      (x, y) => x.createdAt.getTime() - y.createdAt.getTime(),
    );
    const counts = [];
    for (const { id } of tenants)
      counts.push((await listDocuments(own.database, id, { limit: 1000 })).documents.length);
    expect(counts.toSorted((x, y) => x - y)).toEqual([60, 80, 100, 120]);
  }

  /** As a minute without a sign of life leaves it. */
  async function expireLease() {
    await asAdmin(own.database, ({ orm }) =>
      selectRows(
        orm,
        sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 second' RETURNING id`,
      ),
    );
  }

  test("the machine is valid, and names the errors it retries, with backoff and jitter", () => {
    expect(validate(machine)).toMatchObject({ isValid: true, errors: [] });
    const tasks = JSON.stringify(machine).match(/"Type":"Task"/g)?.length;
    expect(JSON.stringify(machine).match(/"JitterStrategy":"FULL"/g)).toHaveLength(tasks ?? 0);
    expect(JSON.stringify(machine)).not.toMatch(/"Retry":\[\{"ErrorEquals":\["States\.ALL"/);
    expect(validate({ ...machine, StartAt: "Nowhere" }).isValid).toBe(false);
  });

  test("an execution takes everything over, proves it, and keeps the proof", async () => {
    const ended = await runMachine(machine, input(), stepRunner(own.database));
    expect(ended.cause).toBeUndefined();
    expect(ended).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    await expectAllThere();
    const { runId } = ended.output as { readonly runId: string };
    const report = await readReport(own.database, runId);
    expect(report).toMatchObject({
      verdict: "identical",
      runId,
      totals: { tenants: 4, collections: 4, sourceRecords: 360 },
    });
    expect(report?.search?.queries).toBeGreaterThan(0);
    expect(ended.largest).toBeLessThan(10_000);
    const again = await runMachine(machine, input(), stepRunner(own.database));
    expect(again).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    await expectAllThere();
  });

  test("a step whose time is over stops between two pages, and the next one goes on", async () => {
    const hurried = stepRunner(own.database, { pages: 6 });
    const patient = stepRunner(own.database);
    const ended = await runMachine(machine, input(), (payload) =>
      (payload as StepEvent).step === "copy" ? hurried(payload) : patient(payload),
    );
    expect(ended).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    expect(ended.path.filter((state) => state === "Copy shard").length).toBeGreaterThan(6);
    await expectAllThere();
  });

  test("searches are compared as long as there is time, and what was asked by then is in the proof", async () => {
    const ended = await runMachine(machine, input(), stepRunner(own.database, { searches: 3 }));
    expect(ended).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    const { runId } = ended.output as { readonly runId: string };
    expect((await readReport(own.database, runId))?.search?.queries).toBe(3);
  });

  test("an index that takes longer than a step is left to cairn reindex, and does not keep the proof", async () => {
    const name = tenantName().name;
    await putRecords(await createChromaCollection(chroma, name), plainRecords(1_100, 8));
    const only = [name];
    const indexes = async () => {
      const [tenant] = await listTenants(own.database);
      return maintainIndexes(own.database, { tenantId: tenant?.id ?? "" });
    };
    const ended = await runMachine(machine, input({ only }), stepRunner(own.database, { maxRows: 1_000 }));
    expect(ended).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    expect((await indexes())?.done).toMatchObject([{ action: "build", rows: 1_100 }]);
  });

  test("a promotion that never comes to its end is not tried for ever", async () => {
    const run = stepRunner(own.database);
    const ended = await runMachine(machine, input(), async (payload) =>
      (payload as StepEvent).step === "promote" ? { done: false } : run(payload),
    );
    expect(ended).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    expect(ended.path.filter((state) => state === "Promote")).toHaveLength(10);
  });

  test("a request that would not fit into every state is refused before anything begins, with the way out", async () => {
    const mapping = Object.fromEntries(
      Array.from({ length: 2_000 }, (_, index) => [
        `collection ${index}`,
        { tenant: `t${index}`, collection: "knowledge" },
      ]),
    );
    const ended = await runMachine(machine, input({ mapping }), stepRunner(own.database));
    expect(ended).toMatchObject({
      status: "FAILED",
      error: "migration_refused",
      cause: expect.stringMatching(/100000 at most.*--pattern.*start the migration again/),
    });
  });

  describe("killed and started again", () => {
    const killAt = async (kill: number, when: "before" | "after") => {
      let count = 0;
      const run = stepRunner(own.database);
      const ended = await runMachine(machine, input(), async (payload) => {
        const mine = ++count === kill;
        if (mine && when === "before") throw new Error("killed");
        const result = count > kill ? Promise.reject(new Error("killed")) : await run(payload);
        if (mine) throw new Error("killed"); // done, and nobody was told
        return result;
      });
      return ended;
    };

    test("at any step, before it or after it: nothing is lost, nothing doubled, and the proof is the same", async () => {
      for (const when of ["before", "after"] as const)
        for (let kill = 1; kill <= 8; kill++) {
          const killed = await killAt(kill, when);
          expect(killed.status).toBe("FAILED");
          await expireLease();
        }
      const ended = await runMachine(machine, input(), stepRunner(own.database));
      expect(ended).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
      await expectAllThere();
    });
  });

  test("what passes is tried again; what does not gives the run back, and says why and how to go on", async () => {
    const run = stepRunner(own.database);
    let failures = 0;
    const flaky = await runMachine(machine, input(), (payload) => {
      if (failures++ % 2 === 0) throw new StateError("source_unavailable", "Chroma did not answer.");
      return run(payload);
    });
    expect(flaky.status).toBe("SUCCEEDED");

    const broken = await runMachine(machine, input(), (payload) => {
      if ((payload as { step: string }).step === "settle")
        throw new StateError("embedding_quota", "The quota is used up.");
      return run(payload);
    });
    expect(broken).toMatchObject({ status: "FAILED", error: "migration_failed" });
    expect(broken.cause).toMatch(
      /^embedding_quota: The quota is used up\. Nothing.*start the migration again/,
    );
    const [open] = await asAdmin(own.database, ({ orm }) =>
      selectRows(
        orm,
        sql`SELECT status, last_error, lease_until <= now() AS free FROM cairn.migration_runs WHERE finished_at IS NULL`,
      ),
    );
    expect(open).toMatchObject({
      status: "failed",
      free: true,
      last_error: expect.stringContaining("quota"),
    });
    expect((await runMachine(machine, input(), run)).status).toBe("SUCCEEDED");
  });

  test("a collection that fails by itself ends in the proof, the others are there, and the next execution goes on with it", async () => {
    const proxy = await startHttpProxy(chroma);
    onTestFinished(() => proxy.stop());
    const { id } = (await (
      await fetch(
        `${chroma}/api/v2/tenants/default_tenant/databases/default_database/collections/${names[0]}`,
      )
    ).json()) as { id: string };
    const opened = openSource({ url: proxy.url, attempts: 2, backoff: 5 });
    proxy.rules = [
      always({ kind: "answer", status: 503 }, (request) => isFetch(request) && request.path.includes(id)),
    ];
    const ended = await runMachine(machine, input(), stepRunner(own.database, {}, opened));
    expect(ended).toMatchObject({ status: "SUCCEEDED", output: { verdict: "not_identical" } });
    expect(ended.path.filter((state) => state === "Settle")).toHaveLength(2); // it is tried once more
    const { runId } = ended.output as { readonly runId: string };
    const report = await readReport(own.database, runId);
    expect(report?.differences).toMatchObject([
      { collection: names[0], kind: "failed", detail: expect.stringContaining("503") },
    ]);
    expect(report?.totals).toMatchObject({ collections: 3, failed: 1 });
    const watched = await readNewestRun(own.database);
    expect(watched?.collections.map(({ phase }) => phase).toSorted()).toEqual([
      "done",
      "done",
      "done",
      "failed",
    ]);
    proxy.rules = [];
    expect(await runMachine(machine, input(), stepRunner(own.database, {}, opened))).toMatchObject({
      status: "SUCCEEDED",
      output: { verdict: "identical" },
    });
    await expectAllThere();
  });

  test("of two executions of one source one proceeds, the other is told who has it", async () => {
    const ended = await Promise.all([1, 2].map(() => runMachine(machine, input(), stepRunner(own.database))));
    const failed = ended.filter(({ status }) => status === "FAILED");
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({
      error: "migration_refused",
      cause: expect.stringContaining("run_held"),
    });
    await expectAllThere();
  });

  test("a batch is not taken for dead because the process of its last step is gone", async () => {
    const run = stepRunner(own.database);
    await run({ step: "plan", request: input().request });
    const gone = { ...(await thisProcess()), pid: 2 ** 22 + 1, began: "1" };
    await asAdmin(own.database, ({ orm }) =>
      selectRows(
        orm,
        sql`UPDATE cairn.migration_runs SET holder = (holder::jsonb || ${JSON.stringify({ pid: gone.pid, began: gone.began })}::jsonb)::text RETURNING id`,
      ),
    );
    await expect(run({ step: "plan", request: input().request })).rejects.toMatchObject({ name: "run_held" });
  });

  test("ten million documents stay within 25,000 events", async () => {
    const ended = await runMachine(machine, input(), stepRunner(own.database));
    const invocations = ended.path.filter((state) => state === "Copy shard").length;
    const perInvocation = 2 + 3 + 2; // the task's and the choice's own entries
    const once = ended.events - invocations * perInvocation;
    // 14 minutes a step at 1,000 documents a second (2,000 were measured, see docs/benchmarks.md), each document read in two passes.
    const steps = Math.ceil((2 * 10_000_000) / (14 * 60 * 1_000)) + 4;
    const promotions = 10;
    const retries = 6 * 3; // of every one of them
    expect(once + (steps + promotions) * (perInvocation + retries)).toBeLessThan(25_000);
  });
});
