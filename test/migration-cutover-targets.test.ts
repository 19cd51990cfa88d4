import { changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { listCollections } from "@cairn/core/collection/get.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { changeTenant, createTenant, deleteTenant } from "@cairn/core/tenant/tenant.ts";
import { expect, inject, test } from "vitest";
import { useCutover } from "./support/cutover.ts";
import { plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { createTenantCollection, expectSame, migrateDatabase, openTestSource } from "./support/migration.ts";

// Changes made in Cairn after the cut-over are kept and reported, however they were made.

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
const fixture = useCutover(testDb);
const { listDifferences, migrateAgain, runVerify, tombstones } = fixture;

test("a collection deleted in Cairn stays deleted until the changes are discarded", async () => {
  await deleteCollection(testDb.database, fixture.collection.tenant, "knowledge");
  expect(await tombstones()).toEqual([]);
  const deleted = { collection: fixture.collection.name, id: "", kind: "deleted", madeInCairn: true };
  expect(await migrateAgain()).toMatchObject({
    verdict: "not_identical",
    totals: { collections: 0, differences: 1, changedInCairn: 1 },
    differences: [deleted],
  });
  expect(await runVerify()).toMatchObject({ differences: [deleted] });
  expect(await listCollections(testDb.database, fixture.collection.tenant)).toEqual([]);
  expect(await migrateAgain({ discardChanges: true })).toMatchObject({
    verdict: "identical",
    totals: { written: 12 },
  });
  await expectSame(testDb.database, fixture.collection);
});

test("a tenant deleted in Cairn stays deleted, even if a tenant with its id is created again", async () => {
  await deleteTenant(testDb.database, fixture.collection.tenant);
  expect(await migrateAgain()).toMatchObject({ totals: { changedInCairn: 1, written: 0 } });
  await createTenant(testDb.database, { id: fixture.collection.tenant });
  expect(await migrateAgain()).toMatchObject({ totals: { changedInCairn: 1, written: 0 } });
  expect(await listCollections(testDb.database, fixture.collection.tenant)).toEqual([]);
});

test("a collection and a tenant that were renamed in Cairn are migrated to under their new names", async () => {
  await changeCollection(testDb.database, fixture.collection.tenant, "knowledge", { name: "renamed" });
  await changeTenant(testDb.database, fixture.collection.tenant, {
    name: `renamed ${fixture.collection.tenant}`,
  });
  await deleteDocuments(testDb.database, fixture.collection.tenant, {
    collection: "renamed",
    ids: ["doc-1"],
  });
  expect(await migrateAgain()).toMatchObject({
    totals: { written: 0, changedInCairn: 1 },
    collections: [{ target: { collection: "renamed" } }],
  });
  expect((await listCollections(testDb.database, fixture.collection.tenant)).map(({ name }) => name)).toEqual([
    "renamed",
  ]);
  expect(await listDifferences()).toEqual(["deleted doc-1"]);
});

test("a changed mapping creates another target and does not count as a rename", async () => {
  const mapping = {
    [fixture.collection.name]: { tenant: fixture.collection.tenant, collection: "elsewhere" },
  };
  expect(await migrateAgain({ mapping })).toMatchObject({ verdict: "identical", totals: { written: 12 } });
  await expectSame(testDb.database, fixture.collection, "elsewhere");
});

test("a target deleted during a run stays deleted, and the others are migrated", async () => {
  const other = await createTenantCollection(chroma, fixture.scope);
  await putRecords(other, plainRecords(50, 4));
  await putRecords(fixture.collection, plainRecords(80, 4, "more-"));
  const source = await openTestSource(chroma);
  let deleted = false;
  const changingSource = {
    ...source,
    async getRecords(...call: Parameters<typeof source.getRecords>) {
      const records = await source.getRecords(...call);
      if (!deleted && call[0].name === fixture.collection.name) {
        deleted = true;
        await deleteCollection(testDb.database, fixture.collection.tenant, "knowledge");
      }
      return records;
    },
  };
  const report = await migrateDatabase(testDb.database, changingSource, fixture.scope);
  expect(report.differences).toMatchObject([{ collection: fixture.collection.name, id: "", kind: "deleted" }]);
  await expectSame(testDb.database, other);
  expect(await listCollections(testDb.database, fixture.collection.tenant)).toEqual([]);
});
