import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { commitPage } from "@cairn/chroma/copy/commit.ts";
import type { PassContext } from "@cairn/chroma/copy/page.ts";
import { acquireRun, finishRun, releaseRun, startHeartbeat } from "@cairn/chroma/ledger/run.ts";
import { EMPTY_TALLY } from "@cairn/chroma/ledger/tally.ts";
import type { Source } from "@cairn/chroma/source/source.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { AppError } from "@cairn/core/error.ts";
import { sql } from "drizzle-orm";
import { beforeEach, describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { serverUrl } from "./support/database.ts";
import { deleteRecords, plainRecords, putRecords, randomUnit } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  expectSame,
  migrateDatabase,
  openTestSource,
  ownerRows,
  readCairn,
} from "./support/migration.ts";
import { startHttpProxy } from "./support/proxy.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
let url: string;
let collection: Awaited<ReturnType<typeof createTenantCollection>>;
// Each test has its own source address and therefore its own run.
beforeEach(async () => {
  const proxy = await startHttpProxy(chroma);
  url = proxy.url;
  scope = await createChromaDatabase(chroma);
  collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, plainRecords(120, 4));
  return () => proxy.stop();
});

/** The real source, which calls `before` before every fetch of records. */
async function sourceWithHook(before: (fetches: number) => unknown): Promise<Source> {
  const source = await openTestSource(url);
  let fetches = 0;
  return {
    ...source,
    async getRecords(...call) {
      await before(++fetches);
      return source.getRecords(...call);
    },
  };
}

/** Stops a migration after some pages, and returns the run's id. */
async function interruptRun(fetches = 3): Promise<string> {
  const stopping = await sourceWithHook((count) => {
    if (count > fetches) throw new Error("killed");
  });
  await expect(migrateDatabase(testDb.database, stopping, scope, { concurrency: 1 })).rejects.toThrow(
    "killed",
  );
  return (await openRun()).id;
}

async function openRun() {
  const [run] = await ownerRows<{ id: string; fence: string; status: string }>(
    testDb.database,
    sql`SELECT id, fence::text, status FROM cairn.migration_runs WHERE source = ${url} AND finished_at IS NULL`,
  );
  if (!run) throw new Error("There is no open run.");
  return run;
}

/** Gives the lease of the open run to another process. */
const leaseTo = (owner: object, seconds: number) =>
  ownerRows(
    testDb.database,
    sql`UPDATE cairn.migration_runs SET status = 'running', holder = ${JSON.stringify({ command: "cairn migrate", since: "2026-01-01T00:00:00Z", ...owner })},
        lease_until = now() + make_interval(secs => ${seconds}::int) WHERE source = ${url} AND finished_at IS NULL`,
  );

test("a second migration of a source is refused with the run and process that have the lease", async () => {
  let second: unknown;
  const source = await sourceWithHook(async (fetches) => {
    if (fetches !== 2) return;
    second = await migrateDatabase(testDb.database, url, scope).catch((error: unknown) => error);
    expect(second).toMatchObject({
      code: "run_held",
      message: expect.stringContaining((await openRun()).id),
    });
  });
  expect(await migrateDatabase(testDb.database, source, scope)).toMatchObject({ verdict: "identical" });
  expect(second).toMatchObject({
    message: expect.stringContaining(`process ${process.pid} on ${hostname()}`),
  });
  await expectSame(testDb.database, collection);
});

test("a migration of another source runs concurrently", async () => {
  const proxy = await startHttpProxy(chroma);
  onTestFinished(() => proxy.stop());
  const other = await createChromaDatabase(chroma);
  await putRecords(await createTenantCollection(chroma, other), plainRecords(5, 4));
  let verdict: string | undefined;
  const source = await sourceWithHook(async (fetches) => {
    if (fetches === 2) ({ verdict } = await migrateDatabase(testDb.database, proxy.url, other));
  });
  expect(await migrateDatabase(testDb.database, source, scope)).toMatchObject({ verdict: "identical" });
  expect(verdict).toBe("identical");
});

test("the lease of a process on this host that has died is acquired at once, under the same run id", async () => {
  const id = await interruptRun();
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  await leaseTo({ pid, host: hostname(), began: "1" }, 3_600);
  expect(await migrateDatabase(testDb.database, url, scope)).toMatchObject({
    verdict: "identical",
    runId: id,
    totals: { written: 120 },
  });
  await expectSame(testDb.database, collection);
});

test("the lease of a process whose pid now belongs to another process is acquired", async () => {
  const id = await interruptRun();
  await leaseTo({ pid: process.pid, host: hostname(), began: "1" }, 3_600);
  expect(await migrateDatabase(testDb.database, url, scope)).toMatchObject({
    runId: id,
    verdict: "identical",
  });
});

test("the lease of a process on another host is respected until it expires", async () => {
  const id = await interruptRun();
  await leaseTo({ pid: 4_321, host: "elsewhere" }, 3_600);
  await expect(migrateDatabase(testDb.database, url, scope)).rejects.toMatchObject({
    code: "run_held",
    message: expect.stringMatching(/process 4321 on elsewhere, since 2026/),
  });
  expect(await openRun()).toMatchObject({ id, status: "running" });
  await leaseTo({ pid: 4_321, host: "elsewhere" }, -1);
  expect(await migrateDatabase(testDb.database, url, scope)).toMatchObject({
    runId: id,
    verdict: "identical",
  });
});

test("a run continues where it stopped, and copied records are not fetched again for copying", async () => {
  const id = await interruptRun(4);
  let fetches = 0;
  const source = await sourceWithHook((count) => {
    fetches = count;
  });
  expect(await migrateDatabase(testDb.database, source, scope, { concurrency: 1 })).toMatchObject({
    runId: id,
    verdict: "identical",
    totals: { written: 120 },
  });
  expect(fetches).toBeLessThan(6);
});

test("a run that was interrupted for long repeats its comparisons", async () => {
  const other = await createTenantCollection(chroma, scope, { collection: "other" });
  await putRecords(other, plainRecords(120, 4));
  // Both are copied, one is compared completely, the other in part.
  await interruptRun(11);
  const finished = await ownerRows(
    testDb.database,
    sql`SELECT FROM cairn.migration_collections AS c JOIN cairn.migration_runs AS r ON r.id = c.run_id WHERE r.source = ${url} AND c.state = 'identical'`,
  );
  expect(finished).toHaveLength(1);
  for (const changed of [collection, other]) {
    await putRecords(
      changed,
      [{ id: "doc-0", embedding: randomUnit(4), document: "edited meanwhile" }],
      "upsert",
    );
    await deleteRecords(changed, ["doc-1"]);
  }
  await leaseTo({ pid: 4_321, host: "elsewhere" }, -3_600);
  expect(await migrateDatabase(testDb.database, url, scope)).toMatchObject({ verdict: "identical" });
  await expectSame(testDb.database, collection);
  await expectSame(testDb.database, other, "other");
});

test("a migration after a finished run is a new run", async () => {
  const first = await migrateDatabase(testDb.database, url, scope);
  const second = await migrateDatabase(testDb.database, url, scope);
  expect(second.runId).not.toBe(first.runId);
  const runs = await ownerRows<{ status: string }>(
    testDb.database,
    sql`SELECT status FROM cairn.migration_runs WHERE source = ${url}`,
  );
  expect(runs).toEqual([{ status: "complete" }, { status: "complete" }]);
});

test("an aborted migration stops between two pages and can be resumed at once", async () => {
  const interrupt = new AbortController();
  const source = await sourceWithHook((fetches) => {
    if (fetches === 3) interrupt.abort(new AppError("source_unavailable", "Stopped."));
  });
  await expect(
    migrateDatabase(testDb.database, source, scope, { concurrency: 1, signal: interrupt.signal }),
  ).rejects.toMatchObject({ message: "Stopped." });
  expect(Object.keys(await readCairn(testDb.database, collection.tenant)).length % 40).toBe(0);
  expect(await openRun()).toMatchObject({ status: "failed" });
  expect(await migrateDatabase(testDb.database, url, scope)).toMatchObject({ verdict: "identical" });
});

/** A run whose lease another process acquires during a fetch. */
async function loseLease() {
  let rowsAtTakeover: object | undefined;
  const source = await sourceWithHook(async (fetches) => {
    if (fetches !== 2) return;
    await leaseTo({ pid: 4_321, host: "elsewhere" }, -1);
    await acquireRun(testDb.database, url, {});
    rowsAtTakeover = await readCairn(testDb.database, collection.tenant);
  });
  const stop = await migrateDatabase(testDb.database, source, scope, { concurrency: 1 }).catch(
    (error: unknown) => error,
  );
  return { stop, rowsAtTakeover };
}

test("a process that has lost its lease writes no further page and does not change the run", async () => {
  const { stop, rowsAtTakeover } = await loseLease();
  expect(stop).toMatchObject({ code: "run_held", message: expect.stringContaining("taken over") });
  const [run] = await ownerRows<{ status: string; leased: boolean }>(
    testDb.database,
    sql`SELECT status, lease_until > now() AS leased FROM cairn.migration_runs WHERE source = ${url}`,
  );
  expect(run).toEqual({ status: "running", leased: true });
  const now = await readCairn(testDb.database, collection.tenant);
  expect(Object.keys(now).length).toBeLessThan(120);
  expect(now).toEqual(rowsAtTakeover);
});

describe("a single page", () => {
  test("a commit with an old fencing token is refused and changes neither rows nor cursor", async () => {
    const id = await interruptRun(2);
    await ownerRows(
      testDb.database,
      sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 s' WHERE id = ${id}::uuid`,
    );
    const old = await acquireRun(testDb.database, url, {});
    await ownerRows(
      testDb.database,
      sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 s' WHERE id = ${id}::uuid`,
    );
    const hooked = await sourceWithHook(() => {});
    const before = await readCairn(testDb.database, collection.tenant);
    await ownerRows(
      testDb.database,
      sql`UPDATE cairn.migration_runs SET fence = fence + 1 WHERE id = ${id}::uuid`,
    );
    const cursor = () =>
      ownerRows(
        testDb.database,
        sql`SELECT position, tally FROM cairn.migration_collections WHERE run_id = ${id}::uuid`,
      );
    const cursorBefore = await cursor();
    const [row] = await ownerRows<{ tenant_id: string; collection_id: string }>(
      testDb.database,
      sql`SELECT tenant_id, collection_id FROM cairn.migration_collections WHERE run_id = ${id}::uuid`,
    );
    const context = {
      services: { database: testDb.database, embedders: undefined as never },
      source: hooked,
      run: old,
      settings: { pageSize: 40, concurrency: 1, prune: false, discardChanges: false, maxPasses: 10 },
      limit: undefined as never,
      memory: undefined as never,
      onProgress: () => {},
      signal: undefined,
    };
    const from = {
      collection: { id: collection.id },
      target: {
        tenantId: row?.tenant_id,
        id: row?.collection_id,
        name: "knowledge",
        metric: "l2",
        dimensions: 4,
        indexSettings: {},
      },
      rules: { vectors: "copy", metric: "l2", dimensions: 4 },
    } as unknown as PassContext;
    const rows = [
      {
        id: "doc-119",
        chunk: 0,
        content: "by the old lease",
        embedding: Float32Array.of(1, 2, 3, 4),
        metadata: {},
        uri: null,
      },
    ];
    const page = {
      position: 999,
      changes: [{ rows, stored: [], difference: { id: "doc-119", kind: "missing" as const, detail: "" } }],
      quarantined: [],
      deleted: [],
      writtenByService: [],
      tally: EMPTY_TALLY,
      bytesRead: 0,
      bytes: 0,
    };
    const progress = {
      state: "copying" as const,
      fresh: true,
      pass: 1,
      position: 0,
      tally: EMPTY_TALLY,
      written: 0,
      seconds: 0,
    };
    await expect(commitPage(context, from, progress, page, 0)).rejects.toMatchObject({ code: "run_held" });
    expect(await readCairn(testDb.database, collection.tenant)).toEqual(before);
    expect(await cursor()).toEqual(cursorBefore);
    await expect(finishRun(testDb.database, old, "complete")).rejects.toMatchObject({ code: "run_held" });
    await releaseRun(testDb.database, old, "late");
    expect(await openRun()).toMatchObject({ status: "running" });
  });
});

test("one failed renewal does not end a run, but no renewal for the duration of a lease does", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
  onTestFinished(() => void vi.useRealTimers());
  const unreachable = new AppError("database_unavailable", "gone");
  const database = { ...testDb.database, transaction: () => Promise.reject(unreachable) };
  const lost: unknown[] = [];
  const stop = startHeartbeat(
    database,
    { id: crypto.randomUUID(), source: url, fence: "1", resumed: false },
    (error) => lost.push(error),
  );
  await vi.advanceTimersByTimeAsync(45_000);
  expect(lost).toEqual([]);
  await vi.advanceTimersByTimeAsync(15_000);
  expect(lost).toEqual([unreachable]);
  stop();
});

describe.runIf(serverUrl())("two connections to a server", () => {
  test("of ten processes that start at once, one migrates and nine are refused", async () => {
    const others = Array.from({ length: 10 }, () => connectPg({ url: testDb.url ?? "", connections: 3 }));
    onTestFinished(async () => void (await Promise.all(others.map((database) => database.close()))));
    const nineRefused = Promise.withResolvers<void>();
    const source = await sourceWithHook((fetches) => (fetches === 1 ? nineRefused.promise : undefined));
    let ended = 0;
    const results = await Promise.allSettled(
      others.map((database) =>
        migrateDatabase(database, source, scope).finally(() => {
          if (++ended === 9) nineRefused.resolve();
        }),
      ),
    );
    const refused = results.filter((result) => result.status === "rejected");
    expect(refused.map(({ reason }) => (reason as AppError).code)).toEqual(Array(9).fill("run_held"));
    await expectSame(testDb.database, collection);
  });

  test("acquiring a lease waits for the page that is being committed, and later pages are refused", async () => {
    await interruptRun(2);
    await ownerRows(
      testDb.database,
      sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 s' WHERE source = ${url}`,
    );
    const old = await acquireRun(testDb.database, url, {});
    await ownerRows(
      testDb.database,
      sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 s' WHERE source = ${url}`,
    );
    const order: string[] = [];
    const { assertLease } = await import("@cairn/chroma/ledger/run.ts");
    let takeover: Promise<unknown> | undefined;
    await testDb.database.transaction(async (transaction) => {
      await assertLease(transaction, old);
      takeover = acquireRun(testDb.database, url, {}).then(() => order.push("taken over"));
      await new Promise((resolve) => setTimeout(resolve, 300));
      order.push("page committed");
    });
    await takeover;
    expect(order).toEqual(["page committed", "taken over"]);
    await expect(
      testDb.database.transaction((transaction) => assertLease(transaction, old)),
    ).rejects.toMatchObject({ code: "run_held" });
  });
});
