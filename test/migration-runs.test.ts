import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { commitPage } from "@cairn/chroma/copy/commit.ts";
import type { PageSource } from "@cairn/chroma/copy/page.ts";
import { acquireRun, finishRun, keepLease, releaseRun } from "@cairn/chroma/ledger/run.ts";
import { EMPTY_TALLY } from "@cairn/chroma/ledger/tally.ts";
import type { Source } from "@cairn/chroma/source/source.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { AppError } from "@cairn/core/error.ts";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { createTestDatabase, serverUrl, type TestDatabase } from "./support/database.ts";
import { deleteRecords, plainRecords, putRecords, randomUnit } from "./support/fill-chroma.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  expectSame,
  impatientSource,
  migrateDatabase,
  ownerRows,
  readCairn,
} from "./support/migration.ts";
import { startHttpProxy } from "./support/proxy.ts";

const chroma = inject("chromaUrl");
let one: TestDatabase;
let scope: string;
let url: string;
let collection: Awaited<ReturnType<typeof createTenantCollection>>;
beforeAll(async () => {
  one = await createTestDatabase();
});
afterAll(() => one?.drop());
// An address of its own for every test, so a run of its own.
beforeEach(async () => {
  const proxy = await startHttpProxy(chroma);
  url = proxy.url;
  scope = await createChromaDatabase(chroma);
  collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, plainRecords(120, 4));
  return () => proxy.stop();
});

/** The real source, which does something before every fetch of records. */
async function sourceThat(act: (fetches: number) => unknown): Promise<Source> {
  const source = await impatientSource(url);
  let fetches = 0;
  return {
    ...source,
    async getRecords(...call) {
      await act(++fetches);
      return source.getRecords(...call);
    },
  };
}

/** Stops a migration after some pages, and returns the run's id. */
async function stopped(fetches = 3): Promise<string> {
  const stopping = await sourceThat((count) => {
    if (count > fetches) throw new Error("killed");
  });
  await expect(migrateDatabase(one.database, stopping, scope, { concurrency: 1 })).rejects.toThrow("killed");
  return (await openRun()).id;
}

async function openRun() {
  const [run] = await ownerRows<{ id: string; fence: string; status: string }>(
    one.database,
    sql`SELECT id, fence::text, status FROM cairn.migration_runs WHERE source = ${url} AND finished_at IS NULL`,
  );
  if (!run) throw new Error("There is no open run.");
  return run;
}

/** Makes the open run look as if this process held it. */
const holdAs = (holder: object, seconds: number) =>
  ownerRows(
    one.database,
    sql`UPDATE cairn.migration_runs SET status = 'running', holder = ${JSON.stringify({ command: "cairn migrate", since: "2026-01-01T00:00:00Z", ...holder })},
        lease_until = now() + make_interval(secs => ${seconds}::int) WHERE source = ${url} AND finished_at IS NULL`,
  );

test("a second migration of a source that one is migrating is told which run and process hold it", async () => {
  let second: unknown;
  const source = await sourceThat(async (fetches) => {
    if (fetches !== 2) return;
    second = await migrateDatabase(one.database, url, scope).catch((error: unknown) => error);
    expect(second).toMatchObject({
      code: "run_held",
      message: expect.stringContaining((await openRun()).id),
    });
  });
  expect(await migrateDatabase(one.database, source, scope)).toMatchObject({ verdict: "identical" });
  expect(second).toMatchObject({
    message: expect.stringContaining(`process ${process.pid} on ${hostname()}`),
  });
  await expectSame(one.database, collection);
});

test("a migration of another source goes on beside it", async () => {
  const proxy = await startHttpProxy(chroma);
  onTestFinished(() => proxy.stop());
  const other = await createChromaDatabase(chroma);
  await putRecords(await createTenantCollection(chroma, other), plainRecords(5, 4));
  let verdict: string | undefined;
  const source = await sourceThat(async (fetches) => {
    if (fetches === 2) ({ verdict } = await migrateDatabase(one.database, proxy.url, other));
  });
  expect(await migrateDatabase(one.database, source, scope)).toMatchObject({ verdict: "identical" });
  expect(verdict).toBe("identical");
});

test("a run whose process on this host has died is taken over at once, under the same id", async () => {
  const id = await stopped();
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  await holdAs({ pid, host: hostname(), began: "1" }, 3_600);
  expect(await migrateDatabase(one.database, url, scope)).toMatchObject({
    verdict: "identical",
    runId: id,
    totals: { written: 120 },
  });
  await expectSame(one.database, collection);
});

test("a run whose pid on this host belongs to another process by now is taken over, too", async () => {
  const id = await stopped();
  await holdAs({ pid: process.pid, host: hostname(), began: "1" }, 3_600);
  expect(await migrateDatabase(one.database, url, scope)).toMatchObject({ runId: id, verdict: "identical" });
});

test("a holder on another host is respected until its lease has run out", async () => {
  const id = await stopped();
  await holdAs({ pid: 4_321, host: "elsewhere" }, 3_600);
  await expect(migrateDatabase(one.database, url, scope)).rejects.toMatchObject({
    code: "run_held",
    message: expect.stringMatching(/process 4321 on elsewhere, since 2026/),
  });
  expect(await openRun()).toMatchObject({ id, status: "running" });
  await holdAs({ pid: 4_321, host: "elsewhere" }, -1);
  expect(await migrateDatabase(one.database, url, scope)).toMatchObject({ runId: id, verdict: "identical" });
});

test("a run goes on where it stopped: what was copied is not fetched again for copying", async () => {
  const id = await stopped(4);
  let fetches = 0;
  const source = await sourceThat((count) => {
    fetches = count;
  });
  expect(await migrateDatabase(one.database, source, scope, { concurrency: 1 })).toMatchObject({
    runId: id,
    verdict: "identical",
    totals: { written: 120 },
  });
  expect(fetches).toBeLessThan(6);
});

test("a run interrupted for long compares from the start again, so that nothing is called identical unseen", async () => {
  const other = await createTenantCollection(chroma, scope, { collection: "other" });
  await putRecords(other, plainRecords(120, 4));
  // Both are copied, one is compared whole, the other in part.
  await stopped(11);
  const finished = await ownerRows(
    one.database,
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
  await holdAs({ pid: 4_321, host: "elsewhere" }, -3_600);
  expect(await migrateDatabase(one.database, url, scope)).toMatchObject({ verdict: "identical" });
  await expectSame(one.database, collection);
  await expectSame(one.database, other, "other");
});

test("a finished run is finished: the next migration is a run of its own", async () => {
  const first = await migrateDatabase(one.database, url, scope);
  const second = await migrateDatabase(one.database, url, scope);
  expect(second.runId).not.toBe(first.runId);
  const runs = await ownerRows<{ status: string }>(
    one.database,
    sql`SELECT status FROM cairn.migration_runs WHERE source = ${url}`,
  );
  expect(runs).toEqual([{ status: "complete" }, { status: "complete" }]);
});

test("an aborted migration stops between two pages and is resumable at once", async () => {
  const interrupt = new AbortController();
  const source = await sourceThat((fetches) => {
    if (fetches === 3) interrupt.abort(new AppError("source_unavailable", "Stopped."));
  });
  await expect(
    migrateDatabase(one.database, source, scope, { concurrency: 1, signal: interrupt.signal }),
  ).rejects.toMatchObject({ message: "Stopped." });
  expect(Object.keys(await readCairn(one.database, collection.tenant)).length % 40).toBe(0);
  expect(await openRun()).toMatchObject({ status: "failed" });
  expect(await migrateDatabase(one.database, url, scope)).toMatchObject({ verdict: "identical" });
});

/** The holder of a run that another takes over while the holder's next fetch is on its way. */
async function fencedOff() {
  let atTakeover: object | undefined;
  const source = await sourceThat(async (fetches) => {
    if (fetches !== 2) return;
    await holdAs({ pid: 4_321, host: "elsewhere" }, -1);
    await acquireRun(one.database, url, {});
    atTakeover = await readCairn(one.database, collection.tenant);
  });
  const stop = await migrateDatabase(one.database, source, scope, { concurrency: 1 }).catch(
    (error: unknown) => error,
  );
  return { stop, atTakeover };
}

test("a holder that has been fenced off writes not one page more, and leaves the new holder's run alone", async () => {
  const { stop, atTakeover } = await fencedOff();
  expect(stop).toMatchObject({ code: "run_held", message: expect.stringContaining("taken over") });
  const [run] = await ownerRows<{ status: string; leased: boolean }>(
    one.database,
    sql`SELECT status, lease_until > now() AS leased FROM cairn.migration_runs WHERE source = ${url}`,
  );
  expect(run).toEqual({ status: "running", leased: true });
  const now = await readCairn(one.database, collection.tenant);
  expect(Object.keys(now).length).toBeLessThan(120);
  expect(now).toEqual(atTakeover);
});

describe("one page by hand", () => {
  test("a commit with an old fence is refused and changes neither rows nor cursor", async () => {
    const id = await stopped(2);
    await ownerRows(
      one.database,
      sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 s' WHERE id = ${id}::uuid`,
    );
    const old = await acquireRun(one.database, url, {});
    await ownerRows(
      one.database,
      sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 s' WHERE id = ${id}::uuid`,
    );
    const taken = await sourceThat(() => {});
    const before = await readCairn(one.database, collection.tenant);
    await ownerRows(
      one.database,
      sql`UPDATE cairn.migration_runs SET fence = fence + 1 WHERE id = ${id}::uuid`,
    );
    const cursor = () =>
      ownerRows(
        one.database,
        sql`SELECT position, tally FROM cairn.migration_collections WHERE run_id = ${id}::uuid`,
      );
    const cursorBefore = await cursor();
    const [row] = await ownerRows<{ tenant_id: string; collection_id: string }>(
      one.database,
      sql`SELECT tenant_id, collection_id FROM cairn.migration_collections WHERE run_id = ${id}::uuid`,
    );
    const context = {
      services: { database: one.database, embedders: undefined as never },
      source: taken,
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
    } as unknown as PageSource;
    const rows = [
      {
        id: "doc-119",
        chunk: 0,
        content: "by an old holder",
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
      own: [],
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
    expect(await readCairn(one.database, collection.tenant)).toEqual(before);
    expect(await cursor()).toEqual(cursorBefore);
    await expect(finishRun(one.database, old, "complete")).rejects.toMatchObject({ code: "run_held" });
    await releaseRun(one.database, old, "late");
    expect(await openRun()).toMatchObject({ status: "running" });
  });
});

test("one renewal of the lease that fails does not end a run; none for a whole lease does", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
  onTestFinished(() => void vi.useRealTimers());
  const unreachable = new AppError("database_unavailable", "gone");
  const database = { ...one.database, transaction: () => Promise.reject(unreachable) };
  const lost: unknown[] = [];
  const stop = keepLease(
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
  test("of ten processes that begin at once, one proceeds and nine are told so", async () => {
    const others = Array.from({ length: 10 }, () => connectPg({ url: one.url ?? "", connections: 3 }));
    onTestFinished(async () => void (await Promise.all(others.map((database) => database.close()))));
    const nineRefused = Promise.withResolvers<void>();
    const source = await sourceThat((fetches) => (fetches === 1 ? nineRefused.promise : undefined));
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
    await expectSame(one.database, collection);
  });

  test("whoever takes a run over waits for the page that is being committed, and no later one gets in", async () => {
    await stopped(2);
    await ownerRows(
      one.database,
      sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 s' WHERE source = ${url}`,
    );
    const old = await acquireRun(one.database, url, {});
    await ownerRows(
      one.database,
      sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 s' WHERE source = ${url}`,
    );
    const order: string[] = [];
    const { assertHeld } = await import("@cairn/chroma/ledger/run.ts");
    let takeover: Promise<unknown> | undefined;
    await one.database.transaction(async (transaction) => {
      await assertHeld(transaction, old);
      takeover = acquireRun(one.database, url, {}).then(() => order.push("taken over"));
      await new Promise((resolve) => setTimeout(resolve, 300));
      order.push("page committed");
    });
    await takeover;
    expect(order).toEqual(["page committed", "taken over"]);
    await expect(
      one.database.transaction((transaction) => assertHeld(transaction, old)),
    ).rejects.toMatchObject({ code: "run_held" });
  });
});
