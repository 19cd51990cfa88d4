import { AppError } from "@cairn/core/error.ts";
import { sql } from "drizzle-orm";
import { expect, inject, test } from "vitest";
import { deleteRecords, plainRecords, putRecords, randomUnit } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { createTenantCollection, expectSame, migrateDatabase, ownerRows, readCairn } from "./support/migration.ts";
import { useMigrationRun } from "./support/migration-run.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
const fixture = useMigrationRun(testDb);
const { interruptRun, leaseTo, openRun, sourceWithHook } = fixture;

test("a run continues where it stopped, and copied records are not fetched again for copying", async () => {
  const id = await interruptRun(4);
  let fetches = 0;
  const source = await sourceWithHook((count) => {
    fetches = count;
  });
  expect(await migrateDatabase(testDb.database, source, fixture.scope, { concurrency: 1 })).toMatchObject({
    runId: id,
    verdict: "identical",
    totals: { written: 120 },
  });
  expect(fetches).toBeLessThan(6);
});

test("a run that was interrupted for long repeats its comparisons", async () => {
  const other = await createTenantCollection(chroma, fixture.scope, { collection: "other" });
  await putRecords(other, plainRecords(120, 4));
  // Both are copied, one is compared completely, the other in part.
  await interruptRun(11);
  const finished = await ownerRows(
    testDb.database,
    sql`SELECT FROM cairn.migration_collections AS c JOIN cairn.migration_runs AS r ON r.id = c.run_id WHERE r.source = ${fixture.url} AND c.state = 'identical'`,
  );
  expect(finished).toHaveLength(1);
  for (const changed of [fixture.collection, other]) {
    await putRecords(changed, [{ id: "doc-0", embedding: randomUnit(4), document: "edited meanwhile" }], "upsert");
    await deleteRecords(changed, ["doc-1"]);
  }
  await leaseTo({ pid: 4_321, host: "elsewhere" }, -3_600);
  expect(await migrateDatabase(testDb.database, fixture.url, fixture.scope)).toMatchObject({
    verdict: "identical",
  });
  await expectSame(testDb.database, fixture.collection);
  await expectSame(testDb.database, other, "other");
});

test("a migration after a finished run is a new run", async () => {
  const first = await migrateDatabase(testDb.database, fixture.url, fixture.scope);
  const second = await migrateDatabase(testDb.database, fixture.url, fixture.scope);
  expect(second.runId).not.toBe(first.runId);
  const runs = await ownerRows<{ status: string }>(
    testDb.database,
    sql`SELECT status FROM cairn.migration_runs WHERE source = ${fixture.url}`,
  );
  expect(runs).toEqual([{ status: "complete" }, { status: "complete" }]);
});

test("an aborted migration stops between two pages and can be resumed at once", async () => {
  const interrupt = new AbortController();
  const source = await sourceWithHook((fetches) => {
    if (fetches === 3) interrupt.abort(new AppError("source_unavailable", "Stopped."));
  });
  await expect(
    migrateDatabase(testDb.database, source, fixture.scope, { concurrency: 1, signal: interrupt.signal }),
  ).rejects.toMatchObject({ message: "Stopped." });
  expect(Object.keys(await readCairn(testDb.database, fixture.collection.tenant)).length % 40).toBe(0);
  expect(await openRun()).toMatchObject({ status: "failed" });
  expect(await migrateDatabase(testDb.database, fixture.url, fixture.scope)).toMatchObject({
    verdict: "identical",
  });
});
