import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { acquireRun, startHeartbeat } from "@cairn/chroma/ledger/run.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { AppError } from "@cairn/core/error.ts";
import { sql } from "drizzle-orm";
import { describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { serverUrl } from "./support/database.ts";
import { plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  expectSame,
  migrateDatabase,
  ownerRows,
} from "./support/migration.ts";
import { useMigrationRun } from "./support/migration-run.ts";
import { startHttpProxy } from "./support/proxy.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
const fixture = useMigrationRun(testDb);
const { interruptRun, leaseTo, openRun, sourceWithHook } = fixture;

test("a second migration of a source is refused with the run and process that have the lease", async () => {
  let second: unknown;
  const source = await sourceWithHook(async (fetches) => {
    if (fetches !== 2) return;
    second = await migrateDatabase(testDb.database, fixture.url, fixture.scope).catch((error: unknown) => error);
    expect(second).toMatchObject({
      code: "run_held",
      message: expect.stringContaining((await openRun()).id),
    });
  });
  expect(await migrateDatabase(testDb.database, source, fixture.scope)).toMatchObject({
    verdict: "identical",
  });
  expect(second).toMatchObject({
    message: expect.stringContaining(`process ${process.pid} on ${hostname()}`),
  });
  await expectSame(testDb.database, fixture.collection);
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
  expect(await migrateDatabase(testDb.database, source, fixture.scope)).toMatchObject({
    verdict: "identical",
  });
  expect(verdict).toBe("identical");
});

test("the lease of a process on this host that has died is acquired at once, under the same run id", async () => {
  const id = await interruptRun();
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  await leaseTo({ pid, host: hostname(), began: "1" }, 3_600);
  expect(await migrateDatabase(testDb.database, fixture.url, fixture.scope)).toMatchObject({
    verdict: "identical",
    runId: id,
    totals: { written: 120 },
  });
  await expectSame(testDb.database, fixture.collection);
});

test("the lease of a process whose pid now belongs to another process is acquired", async () => {
  const id = await interruptRun();
  await leaseTo({ pid: process.pid, host: hostname(), began: "1" }, 3_600);
  expect(await migrateDatabase(testDb.database, fixture.url, fixture.scope)).toMatchObject({
    runId: id,
    verdict: "identical",
  });
});

test("the lease of a process on another host is respected until it expires", async () => {
  const id = await interruptRun();
  await leaseTo({ pid: 4_321, host: "elsewhere" }, 3_600);
  await expect(migrateDatabase(testDb.database, fixture.url, fixture.scope)).rejects.toMatchObject({
    code: "run_held",
    message: expect.stringMatching(/process 4321 on elsewhere, since 2026/),
  });
  expect(await openRun()).toMatchObject({ id, status: "running" });
  await leaseTo({ pid: 4_321, host: "elsewhere" }, -1);
  expect(await migrateDatabase(testDb.database, fixture.url, fixture.scope)).toMatchObject({
    runId: id,
    verdict: "identical",
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
    { id: crypto.randomUUID(), source: fixture.url, fence: "1", resumed: false },
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
        migrateDatabase(database, source, fixture.scope).finally(() => {
          if (++ended === 9) nineRefused.resolve();
        }),
      ),
    );
    const refused = results.filter((result) => result.status === "rejected");
    expect(refused.map(({ reason }) => (reason as AppError).code)).toEqual(Array(9).fill("run_held"));
    await expectSame(testDb.database, fixture.collection);
  });

  test("acquiring a lease waits for the page that is being committed, and later pages are refused", async () => {
    await interruptRun(2);
    await ownerRows(
      testDb.database,
      sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 s' WHERE source = ${fixture.url}`,
    );
    const old = await acquireRun(testDb.database, fixture.url, {});
    await ownerRows(
      testDb.database,
      sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 s' WHERE source = ${fixture.url}`,
    );
    const order: string[] = [];
    const { assertLease } = await import("@cairn/chroma/ledger/run.ts");
    let takeover: Promise<unknown> | undefined;
    await testDb.database.transaction(async (transaction) => {
      await assertLease(transaction, old);
      takeover = acquireRun(testDb.database, fixture.url, {}).then(() => order.push("taken over"));
      await new Promise((resolve) => setTimeout(resolve, 300));
      order.push("page committed");
    });
    await takeover;
    expect(order).toEqual(["page committed", "taken over"]);
    await expect(testDb.database.transaction((transaction) => assertLease(transaction, old))).rejects.toMatchObject({
      code: "run_held",
    });
  });
});
