import { readReport } from "@cairn/chroma/ledger/results.ts";
import { readLatestRun } from "@cairn/chroma/ledger/run-snapshot.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { thisProcess } from "@cairn/core/process-identity.ts";
import { sql } from "drizzle-orm";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { machine, stepRunner, useMachineInput } from "../../../test/support/migration-machine.ts";
import { always, isFetch, startHttpProxy } from "../../../test/support/proxy.ts";
import { runMachine, StateError } from "../../../test/support/state-machine.ts";

const chroma = inject("chromaUrl");

// Lambda always uses a Postgres server, never PGlite.
describe.runIf(serverUrl())("the migration's state machine", () => {
  const fixture = useMachineInput();
  const { input, expectAllDocuments } = fixture;

  /** Sets the lease as it is after a minute without a heartbeat. */
  async function expireLease() {
    await asAdmin(fixture.database, ({ orm }) =>
      selectRows(orm, sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 second' RETURNING id`),
    );
  }

  describe("killed and restarted", () => {
    const killAt = async (kill: number, when: "before" | "after") => {
      let count = 0;
      const run = stepRunner(fixture.database);
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
      const execution = await runMachine(machine, input(), stepRunner(fixture.database));
      expect(execution).toMatchObject({ status: "SUCCEEDED", output: { verdict: "identical" } });
      await expectAllDocuments();
    });
  });

  test("transient errors are retried; a permanent error releases the run and says why and how to continue", async () => {
    const run = stepRunner(fixture.database);
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
    expect(broken.cause).toMatch(/^embedding_quota: The quota is used up\. Nothing.*[sS]tart the migration again/);
    const [open] = await asAdmin(fixture.database, ({ orm }) =>
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
      await fetch(`${chroma}/api/v2/tenants/default_tenant/databases/default_database/collections/${fixture.names[0]}`)
    ).json()) as { id: string };
    const opened = openSource({ url: proxy.url, attempts: 2, backoff: 5 });
    proxy.rules = [always({ kind: "answer", status: 503 }, (request) => isFetch(request) && request.path.includes(id))];
    const execution = await runMachine(machine, input(), stepRunner(fixture.database, {}, opened));
    expect(execution).toMatchObject({ status: "SUCCEEDED", output: { verdict: "not_identical" } });
    expect(execution.path.filter((state) => state === "Settle")).toHaveLength(2); // it is retried once
    const { runId } = execution.output as { readonly runId: string };
    const report = await readReport(fixture.database, runId);
    expect(report?.differences).toMatchObject([
      { collection: fixture.names[0], kind: "failed", detail: expect.stringContaining("503") },
    ]);
    expect(report?.totals).toMatchObject({ collections: 3, failed: 1 });
    const watched = await readLatestRun(fixture.database);
    expect(watched?.collections.map(({ phase }) => phase).toSorted()).toEqual(["done", "done", "done", "failed"]);
    proxy.rules = [];
    expect(await runMachine(machine, input(), stepRunner(fixture.database, {}, opened))).toMatchObject({
      status: "SUCCEEDED",
      output: { verdict: "identical" },
    });
    await expectAllDocuments();
  });

  test("of two concurrent executions of one source, one succeeds and the other is refused with run_held", async () => {
    const execution = await Promise.all([1, 2].map(() => runMachine(machine, input(), stepRunner(fixture.database))));
    const failed = execution.filter(({ status }) => status === "FAILED");
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({
      error: "migration_refused",
      cause: expect.stringContaining("run_held"),
    });
    await expectAllDocuments();
  });

  test("a batch keeps its lease when the process of its last step is gone", async () => {
    const run = stepRunner(fixture.database);
    await run({ step: "plan", request: input().request });
    const gone = { ...(await thisProcess()), pid: 2 ** 22 + 1, began: "1" };
    await asAdmin(fixture.database, ({ orm }) =>
      selectRows(
        orm,
        sql`UPDATE cairn.migration_runs SET holder = (holder::jsonb || ${JSON.stringify({ pid: gone.pid, began: gone.began })}::jsonb)::text RETURNING id`,
      ),
    );
    await expect(run({ step: "plan", request: input().request })).rejects.toMatchObject({ name: "run_held" });
  });
});
