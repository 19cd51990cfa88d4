import { readReport } from "@cairn/chroma/ledger/results.ts";
import { readLatestRun } from "@cairn/chroma/ledger/run-snapshot.ts";
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
import { createTestDatabase, serverUrl, type TestDatabase } from "../../../test/support/database.ts";
import {
  createChromaCollection,
  plainRecords,
  putRecords,
  tenantName,
} from "../../../test/support/fill-chroma.ts";
import { always, isFetch, startHttpProxy } from "../../../test/support/proxy.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { type Invoke, runMachine, StateError } from "../../../test/support/state-machine.ts";
import { migrationMachine } from "./machine.ts";
import { runStep, type StepEvent } from "./step.ts";

const machine = migrationMachine({
  functionArn: "arn:aws:lambda:eu-central-1:123456789012:function:steps",
  shards: 4,
});
const chroma = inject("chromaUrl");

interface Limits {
  /** The step's signal is aborted after this many pages, so that the test does not depend on the machine's speed. */
  readonly pages?: number;
  /** The same for searches of Chroma. */
  readonly searches?: number;
  readonly maxRows?: number;
}

/**
 * Runs the steps on a real database and a real Chroma server, as the Lambda function does: JSON in, JSON out.
 */
function stepRunner(
  database: Database,
  { pages, searches, maxRows }: Limits = {},
  opened: Promise<Source> = openSource({ url: chroma }),
): Invoke {
  return async (payload) => {
    const timeout = new AbortController();
    const source = await opened;
    let fetched = 0;
    let searched = 0;
    const getRecords: Source["getRecords"] = (...args) => {
      if (++fetched === pages) timeout.abort();
      return source.getRecords(...args);
    };
    const query: Source["query"] = (...args) => {
      if (++searched === searches) timeout.abort();
      return source.query(...args);
    };
    return runStep(
      {
        services: offlineServices(database),
        source: { ...source, getRecords, query },
        databaseName: "test",
        cairnVersion: "test",
        signal: timeout.signal,
        maxRows,
      },
      payload as StepEvent,
    );
  };
}

// Lambda always uses a Postgres server, never PGlite.
describe.runIf(serverUrl())("the migration's state machine", () => {
  let testDatabase: TestDatabase;
  let names: readonly string[];
  beforeEach(async () => {
    testDatabase = await createTestDatabase();
    names = [1, 2, 3, 4].map(() => tenantName().name);
    for (const [index, name] of names.entries())
      await putRecords(await createChromaCollection(chroma, name), plainRecords(60 + 20 * index, 8));
  });
  afterEach(() => testDatabase?.drop());

  const input = (more: object = {}) => ({
    request: { only: [...names], queries: 8, page_size: 10, ...more },
  });

  async function expectAllDocuments() {
    const tenants = (await listTenants(testDatabase.database)).toSorted(
      (x, y) => x.createdAt.getTime() - y.createdAt.getTime(),
    );
    const counts = [];
    for (const { id } of tenants)
      counts.push((await listDocuments(testDatabase.database, id, { limit: 1000 })).documents.length);
    expect(counts.toSorted((x, y) => x - y)).toEqual([60, 80, 100, 120]);
  }

  /** Sets the lease as it is after a minute without a heartbeat. */
  async function expireLease() {
    await asAdmin(testDatabase.database, ({ orm }) =>
      selectRows(
        orm,
        sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 second' RETURNING id`,
      ),
    );
  }

  test("the machine is valid and retries only named errors, with backoff and jitter", () => {
    expect(validate(machine)).toMatchObject({ isValid: true, errors: [] });
    const tasks = JSON.stringify(machine).match(/"Type":"Task"/g)?.length;
    expect(JSON.stringify(machine).match(/"JitterStrategy":"FULL"/g)).toHaveLength(tasks ?? 0);
    expect(JSON.stringify(machine)).not.toMatch(/"Retry":\[\{"ErrorEquals":\["States\.ALL"/);
    expect(validate({ ...machine, StartAt: "Nowhere" }).isValid).toBe(false);
  });

  test("an execution migrates all documents, verifies them and stores the report", async () => {
    const execution = await runMachine(machine, input(), stepRunner(testDatabase.database));
    expect(execution.cause).toBeUndefined();
    expect(execution).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    await expectAllDocuments();
    const { runId } = execution.output as { readonly runId: string };
    const report = await readReport(testDatabase.database, runId);
    expect(report).toMatchObject({
      verdict: "identical",
      runId,
      totals: { tenants: 4, collections: 4, sourceRecords: 360 },
    });
    expect(report?.search?.queries).toBeGreaterThan(0);
    expect(execution.largest).toBeLessThan(10_000);
    const again = await runMachine(machine, input(), stepRunner(testDatabase.database));
    expect(again).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    await expectAllDocuments();
  });

  test("a step at its time limit stops between two pages, and the next step continues", async () => {
    const limited = stepRunner(testDatabase.database, { pages: 6 });
    const unlimited = stepRunner(testDatabase.database);
    const execution = await runMachine(machine, input(), (payload) =>
      (payload as StepEvent).step === "copy" ? limited(payload) : unlimited(payload),
    );
    expect(execution).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    expect(execution.path.filter((state) => state === "Copy shard").length).toBeGreaterThan(6);
    await expectAllDocuments();
  });

  test("the search comparison stops at its time limit, and the report counts the queries made until then", async () => {
    const execution = await runMachine(machine, input(), stepRunner(testDatabase.database, { searches: 3 }));
    expect(execution).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    const { runId } = execution.output as { readonly runId: string };
    expect((await readReport(testDatabase.database, runId))?.search?.queries).toBe(3);
  });

  test("an index with too many rows for one step is left to cairn reindex and does not block the report", async () => {
    const name = tenantName().name;
    await putRecords(await createChromaCollection(chroma, name), plainRecords(1_100, 8));
    const only = [name];
    const indexes = async () => {
      const [tenant] = await listTenants(testDatabase.database);
      return maintainIndexes(testDatabase.database, { tenantId: tenant?.id ?? "" });
    };
    const execution = await runMachine(
      machine,
      input({ only }),
      stepRunner(testDatabase.database, { maxRows: 1_000 }),
    );
    expect(execution).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    expect((await indexes())?.done).toMatchObject([{ action: "build", rows: 1_100 }]);
  });

  test("a promotion that never finishes is retried ten times", async () => {
    const run = stepRunner(testDatabase.database);
    const execution = await runMachine(machine, input(), async (payload) =>
      (payload as StepEvent).step === "promote" ? { done: false } : run(payload),
    );
    expect(execution).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
    expect(execution.path.filter((state) => state === "Promote")).toHaveLength(10);
  });

  test("a request too large for the states is refused before the migration starts, with advice", async () => {
    const mapping = Object.fromEntries(
      Array.from({ length: 2_000 }, (_, index) => [
        `collection ${index}`,
        { tenant: `t${index}`, collection: "knowledge" },
      ]),
    );
    const execution = await runMachine(machine, input({ mapping }), stepRunner(testDatabase.database));
    expect(execution).toMatchObject({
      status: "FAILED",
      error: "migration_refused",
      cause: expect.stringMatching(/100000 at most.*--pattern.*[sS]tart the migration again/),
    });
  });

  describe("killed and restarted", () => {
    const killAt = async (kill: number, when: "before" | "after") => {
      let count = 0;
      const run = stepRunner(testDatabase.database);
      const execution = await runMachine(machine, input(), async (payload) => {
        const isTarget = ++count === kill;
        if (isTarget && when === "before") throw new Error("killed");
        const result = count > kill ? Promise.reject(new Error("killed")) : await run(payload);
        if (isTarget) throw new Error("killed"); // the step is done, but its result is lost
        return result;
      });
      return execution;
    };

    test("before or after any step, it loses and duplicates nothing, and the verdict is the same", async () => {
      for (const when of ["before", "after"] as const)
        for (let kill = 1; kill <= 8; kill++) {
          const killed = await killAt(kill, when);
          expect(killed.status).toBe("FAILED");
          await expireLease();
        }
      const execution = await runMachine(machine, input(), stepRunner(testDatabase.database));
      expect(execution).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
      await expectAllDocuments();
    });
  });

  test("transient errors are retried; a permanent error releases the run and says why and how to continue", async () => {
    const run = stepRunner(testDatabase.database);
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
      /^embedding_quota: The quota is used up\. Nothing.*[sS]tart the migration again/,
    );
    const [open] = await asAdmin(testDatabase.database, ({ orm }) =>
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

  test("a collection that fails alone is listed in the report, the others are migrated, and the next execution continues with it", async () => {
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
    const execution = await runMachine(machine, input(), stepRunner(testDatabase.database, {}, opened));
    expect(execution).toMatchObject({ status: "SUCCEEDED", output: { verdict: "not_identical" } });
    expect(execution.path.filter((state) => state === "Settle")).toHaveLength(2); // it is retried once
    const { runId } = execution.output as { readonly runId: string };
    const report = await readReport(testDatabase.database, runId);
    expect(report?.differences).toMatchObject([
      { collection: names[0], kind: "failed", detail: expect.stringContaining("503") },
    ]);
    expect(report?.totals).toMatchObject({ collections: 3, failed: 1 });
    const watched = await readLatestRun(testDatabase.database);
    expect(watched?.collections.map(({ phase }) => phase).toSorted()).toEqual([
      "done",
      "done",
      "done",
      "failed",
    ]);
    proxy.rules = [];
    expect(await runMachine(machine, input(), stepRunner(testDatabase.database, {}, opened))).toMatchObject({
      status: "SUCCEEDED",
      output: { verdict: "identical" },
    });
    await expectAllDocuments();
  });

  test("of two concurrent executions of one source, one succeeds and the other is refused with run_held", async () => {
    const execution = await Promise.all(
      [1, 2].map(() => runMachine(machine, input(), stepRunner(testDatabase.database))),
    );
    const failed = execution.filter(({ status }) => status === "FAILED");
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({
      error: "migration_refused",
      cause: expect.stringContaining("run_held"),
    });
    await expectAllDocuments();
  });

  test("a batch keeps its lease when the process of its last step is gone", async () => {
    const run = stepRunner(testDatabase.database);
    await run({ step: "plan", request: input().request });
    const gone = { ...(await thisProcess()), pid: 2 ** 22 + 1, began: "1" };
    await asAdmin(testDatabase.database, ({ orm }) =>
      selectRows(
        orm,
        sql`UPDATE cairn.migration_runs SET holder = (holder::jsonb || ${JSON.stringify({ pid: gone.pid, began: gone.began })}::jsonb)::text RETURNING id`,
      ),
    );
    await expect(run({ step: "plan", request: input().request })).rejects.toMatchObject({ name: "run_held" });
  });

  test("a migration of ten million documents stays within 25,000 events", async () => {
    const execution = await runMachine(machine, input(), stepRunner(testDatabase.database));
    const invocations = execution.path.filter((state) => state === "Copy shard").length;
    const perInvocation = 2 + 3 + 2; // events of the task and the choice
    const once = execution.events - invocations * perInvocation;
    // 14 minutes per step at 1,000 documents/s (measured: 2,000, see docs/benchmarks.md); two passes read each document.
    const steps = Math.ceil((2 * 10_000_000) / (14 * 60 * 1_000)) + 4;
    const promotions = 10;
    const retries = 6 * 3; // of each step
    expect(once + (steps + promotions) * (perInvocation + retries)).toBeLessThan(25_000);
  });
});
