import { commitPage } from "@cairn/chroma/copy/commit.ts";
import type { PassContext } from "@cairn/chroma/copy/page.ts";
import { acquireRun, finishRun, releaseRun } from "@cairn/chroma/ledger/run.ts";
import { EMPTY_TALLY } from "@cairn/chroma/ledger/tally.ts";
import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { useTestDatabase } from "./support/fixture.ts";
import { migrateDatabase, ownerRows, readCairn } from "./support/migration.ts";
import { useMigrationRun } from "./support/migration-run.ts";

const testDb = useTestDatabase();
const fixture = useMigrationRun(testDb);
const { interruptRun, leaseTo, openRun, sourceWithHook } = fixture;

/** A run whose lease another process acquires during a fetch. */
async function loseLease() {
  let rowsAtTakeover: object | undefined;
  const source = await sourceWithHook(async (fetches) => {
    if (fetches !== 2) return;
    await leaseTo({ pid: 4_321, host: "elsewhere" }, -1);
    await acquireRun(testDb.database, fixture.url, {});
    rowsAtTakeover = await readCairn(testDb.database, fixture.collection.tenant);
  });
  const stop = await migrateDatabase(testDb.database, source, fixture.scope, { concurrency: 1 }).catch(
    (error: unknown) => error,
  );
  return { stop, rowsAtTakeover };
}

test("a process that has lost its lease writes no further page and does not change the run", async () => {
  const { stop, rowsAtTakeover } = await loseLease();
  expect(stop).toMatchObject({ code: "run_held", message: expect.stringContaining("taken over") });
  const [run] = await ownerRows<{ status: string; leased: boolean }>(
    testDb.database,
    sql`SELECT status, lease_until > now() AS leased FROM cairn.migration_runs WHERE source = ${fixture.url}`,
  );
  expect(run).toEqual({ status: "running", leased: true });
  const now = await readCairn(testDb.database, fixture.collection.tenant);
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
    const old = await acquireRun(testDb.database, fixture.url, {});
    await ownerRows(
      testDb.database,
      sql`UPDATE cairn.migration_runs SET lease_until = now() - interval '1 s' WHERE id = ${id}::uuid`,
    );
    const hooked = await sourceWithHook(() => {});
    const before = await readCairn(testDb.database, fixture.collection.tenant);
    await ownerRows(testDb.database, sql`UPDATE cairn.migration_runs SET fence = fence + 1 WHERE id = ${id}::uuid`);
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
      collection: { id: fixture.collection.id },
      target: {
        tenantId: row?.tenant_id,
        id: row?.collection_id,
        name: "knowledge",
        metric: "l2",
        dimensions: 4,
        indexSettings: {},
        replication: null,
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
    expect(await readCairn(testDb.database, fixture.collection.tenant)).toEqual(before);
    expect(await cursor()).toEqual(cursorBefore);
    await expect(finishRun(testDb.database, old, "complete")).rejects.toMatchObject({ code: "run_held" });
    await releaseRun(testDb.database, old, "late");
    expect(await openRun()).toMatchObject({ status: "running" });
  });
});
