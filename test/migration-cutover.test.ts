import { verify } from "@cairn/chroma/verify/verify.ts";
import { changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { getCollection, listCollections } from "@cairn/core/collection/get.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { changeModel, restoreModel } from "@cairn/core/reembed/change.ts";
import { changeTenant, createTenant, deleteTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { beforeEach, expect, inject, test } from "vitest";
import { deleteRecords, plainRecords, putRecords } from "./support/fill-chroma.ts";
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

// Changes made in Cairn after the cut-over are kept and reported, however they were made.

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
let collection: Awaited<ReturnType<typeof createTenantCollection>>;
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
  collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, plainRecords(12, 4));
  expect(await migrateAgain()).toMatchObject({ verdict: "identical", totals: { written: 12 } });
});

const migrateAgain = (options: Parameters<typeof migrateDatabase>[3] = {}) =>
  migrateDatabase(testDb.database, chroma, scope, { sourceModel: "offline/words", ...options });
const runVerify = async () =>
  verify(testDb.services, await openTestSource(chroma), {
    databaseName: "test",
    cairnVersion: "0",
    queries: 0,
    scope: { databases: [scope] },
  });
const put = (id: string, content: string) =>
  ingest(testDb.services, collection.tenant, {
    documents: [{ id, content, embedding: Float32Array.of(1, 0, 0, 0) }],
  });
const remove = (...ids: string[]) => deleteDocuments(testDb.database, collection.tenant, { ids });
const listDifferences = async () =>
  (await runVerify()).differences.map(
    ({ id, kind, madeInCairn }) => `${kind} ${id}${madeInCairn ? "" : " ?"}`,
  );
const storedIds = async () => Object.keys(await readCairn(testDb.database, collection.tenant));
const tombstones = () =>
  ownerRows<{ lineage: string }>(
    testDb.database,
    sql`SELECT lineage::text FROM cairn.tombstones WHERE tenant_id = ${collection.tenant}::uuid`,
  );

test("verify and a second migration report the same deletes, adds and edits in Cairn", async () => {
  await remove("doc-1", "doc-2");
  await put("doc-3", "edited in Cairn");
  await put("ours", "added in Cairn");
  const expected = ["deleted doc-1", "deleted doc-2", "content doc-3", "extra ours"];
  expect((await listDifferences()).sort()).toEqual([...expected].sort());
  const before = await readCairn(testDb.database, collection.tenant);
  const report = await migrateAgain({ prune: true });
  expect(report.totals).toMatchObject({ written: 0, differences: 4, changedInCairn: 4 });
  expect(await readCairn(testDb.database, collection.tenant)).toEqual(before);
});

test("records deleted by a filter stay deleted, and a record that is new in Chroma is copied", async () => {
  await deleteDocuments(testDb.database, collection.tenant, { filter: { index: { $lt: 3 } } });
  await putRecords(collection, plainRecords(1, 4, "late-"));
  expect(await migrateAgain()).toMatchObject({ totals: { written: 1, changedInCairn: 3 } });
  expect((await storedIds()).length).toBe(10);
  expect(await listDifferences()).toEqual(["deleted doc-0", "deleted doc-1", "deleted doc-2"]);
});

test("a record that was edited and then deleted in Cairn stays deleted", async () => {
  await put("doc-5", "edited in Cairn");
  await remove("doc-5");
  expect(await migrateAgain()).toMatchObject({ totals: { written: 0 } });
  expect(await listDifferences()).toEqual(["deleted doc-5"]);
});

test("a record that was deleted, created again and deleted again in Cairn stays deleted", async () => {
  await remove("doc-5");
  await put("doc-5", "created again");
  expect(await migrateAgain()).toMatchObject({ totals: { written: 0 } });
  expect(await listDifferences()).toEqual(["content doc-5"]);
  await remove("doc-5");
  expect(await migrateAgain()).toMatchObject({ totals: { written: 0 } });
  expect(await listDifferences()).toEqual(["deleted doc-5"]);
});

test("a document added in Cairn under the id of a later Chroma record is kept, and stays deleted after its deletion", async () => {
  await put("late-0", "Cairn's own");
  await putRecords(collection, plainRecords(1, 4, "late-"));
  expect(await migrateAgain()).toMatchObject({ totals: { written: 0, changedInCairn: 1 } });
  await remove("late-0");
  expect(await migrateAgain()).toMatchObject({ totals: { written: 0 } });
  expect(await listDifferences()).toEqual(["deleted late-0"]);
});

test("all records stay deleted if they were deleted in Cairn one by one and the target is empty", async () => {
  await remove(...(await storedIds()));
  expect(await migrateAgain()).toMatchObject({
    totals: { written: 0, targetRecords: 0, changedInCairn: 12 },
  });
  expect(await storedIds()).toEqual([]);
});

test("records with an id of 5,000 characters, with NUL and with emoji stay deleted", async () => {
  const ids = ["x".repeat(5_000), "nul\0id", "日本語 🍵"];
  await putRecords(
    collection,
    ids.map((id) => ({ id, embedding: [0, 1, 0, 0], document: "odd" })),
  );
  await migrateAgain();
  await remove(...ids);
  expect((await migrateAgain()).differences.map(({ id }) => id).sort()).toEqual([...ids].sort());
});

test("a collection deleted in Cairn stays deleted until the changes are discarded", async () => {
  await deleteCollection(testDb.database, collection.tenant, "knowledge");
  expect(await tombstones()).toEqual([]);
  const deleted = { collection: collection.name, id: "", kind: "deleted", madeInCairn: true };
  expect(await migrateAgain()).toMatchObject({
    verdict: "not_identical",
    totals: { collections: 0, differences: 1, changedInCairn: 1 },
    differences: [deleted],
  });
  expect(await runVerify()).toMatchObject({ differences: [deleted] });
  expect(await listCollections(testDb.database, collection.tenant)).toEqual([]);
  expect(await migrateAgain({ discardChanges: true })).toMatchObject({
    verdict: "identical",
    totals: { written: 12 },
  });
  await expectSame(testDb.database, collection);
});

test("a tenant deleted in Cairn stays deleted, even if a tenant with its id is created again", async () => {
  await deleteTenant(testDb.database, collection.tenant);
  expect(await migrateAgain()).toMatchObject({ totals: { changedInCairn: 1, written: 0 } });
  await createTenant(testDb.database, { id: collection.tenant });
  expect(await migrateAgain()).toMatchObject({ totals: { changedInCairn: 1, written: 0 } });
  expect(await listCollections(testDb.database, collection.tenant)).toEqual([]);
});

test("a collection and a tenant that were renamed in Cairn are migrated to under their new names", async () => {
  await changeCollection(testDb.database, collection.tenant, "knowledge", { name: "renamed" });
  await changeTenant(testDb.database, collection.tenant, { name: `renamed ${collection.tenant}` });
  await deleteDocuments(testDb.database, collection.tenant, { collection: "renamed", ids: ["doc-1"] });
  expect(await migrateAgain()).toMatchObject({
    totals: { written: 0, changedInCairn: 1 },
    collections: [{ target: { collection: "renamed" } }],
  });
  expect((await listCollections(testDb.database, collection.tenant)).map(({ name }) => name)).toEqual([
    "renamed",
  ]);
  expect(await listDifferences()).toEqual(["deleted doc-1"]);
});

test("a changed mapping creates another target and does not count as a rename", async () => {
  const mapping = { [collection.name]: { tenant: collection.tenant, collection: "elsewhere" } };
  expect(await migrateAgain({ mapping })).toMatchObject({ verdict: "identical", totals: { written: 12 } });
  await expectSame(testDb.database, collection, "elsewhere");
});

test("records deleted and edited before and after a change of model stay so", async () => {
  const services = testDb.services;
  await remove("doc-1");
  await put("doc-2", "edited in Cairn");
  await changeCollection(testDb.database, collection.tenant, "knowledge", {
    embeddingModel: "local/other",
    confirmModel: true,
  });
  const { replaced } = await changeModel(services, collection.tenant, "offline/words");
  await remove("doc-3");
  await deleteCollection(testDb.database, collection.tenant, replaced.id);
  await putRecords(
    collection,
    [{ id: "doc-4", embedding: [0, 0, 1, 0], document: "edited in Chroma" }],
    "upsert",
  );
  const report = await migrateAgain({ reEmbed: "always", model: "offline/words" });
  expect(report.totals).toMatchObject({ written: 1, changedInCairn: 3, differences: 3 });
  expect((await listDifferences()).sort()).toEqual(["content doc-2", "deleted doc-1", "deleted doc-3"]);
});

test("a record deleted after a change of model stays deleted after the change is reverted", async () => {
  const services = testDb.services;
  await changeCollection(testDb.database, collection.tenant, "knowledge", {
    embeddingModel: "local/other",
    confirmModel: true,
  });
  await changeModel(services, collection.tenant, "offline/words");
  await remove("doc-1");
  await restoreModel(
    { ...services, embedders: { ...services.embedders, get: () => services.embedders.get("offline/words") } },
    collection.tenant,
  );
  expect((await getCollection(testDb.database, collection.tenant)).embeddingModel).toBe("local/other");
  expect(await migrateAgain({ sourceModel: "local/other" })).toMatchObject({
    totals: { written: 0, changedInCairn: 1 },
  });
  expect(await listDifferences()).toEqual(["deleted doc-1"]);
});

test("a record deleted in Cairn during a run stays deleted", async () => {
  await putRecords(collection, plainRecords(80, 4, "more-"));
  const source = await openTestSource(chroma);
  let fetches = 0;
  const changingSource = {
    ...source,
    async getRecords(...call: Parameters<typeof source.getRecords>) {
      const records = await source.getRecords(...call);
      if (++fetches === 2) {
        await remove("doc-1", "doc-11");
        await put("doc-2", "edited meanwhile");
        await put("more-79", "created meanwhile");
      }
      return records;
    },
  };
  const report = await migrateDatabase(testDb.database, changingSource, scope, { concurrency: 1 });
  expect(report.differences.map(({ id, kind }) => `${kind} ${id}`).sort()).toEqual([
    "content doc-2",
    "content more-79",
    "deleted doc-1",
    "deleted doc-11",
  ]);
  expect(report.totals).toMatchObject({ changedInCairn: 4, differences: 4 });
  expect((await readCairn(testDb.database, collection.tenant))["more-79"]?.document).toBe(
    "created meanwhile",
  );
});

test("a target deleted during a run stays deleted, and the others are migrated", async () => {
  const other = await createTenantCollection(chroma, scope);
  await putRecords(other, plainRecords(50, 4));
  await putRecords(collection, plainRecords(80, 4, "more-"));
  const source = await openTestSource(chroma);
  let deleted = false;
  const changingSource = {
    ...source,
    async getRecords(...call: Parameters<typeof source.getRecords>) {
      const records = await source.getRecords(...call);
      if (!deleted && call[0].name === collection.name) {
        deleted = true;
        await deleteCollection(testDb.database, collection.tenant, "knowledge");
      }
      return records;
    },
  };
  const report = await migrateDatabase(testDb.database, changingSource, scope);
  expect(report.differences).toMatchObject([{ collection: collection.name, id: "", kind: "deleted" }]);
  await expectSame(testDb.database, other);
  expect(await listCollections(testDb.database, collection.tenant)).toEqual([]);
});

test("a tombstone contains no id and is deleted once Chroma no longer has the record", async () => {
  await remove("doc-1", "doc-2");
  const [row] = await ownerRows<{ text: string }>(
    testDb.database,
    sql`SELECT string_agg(t::text, ' ') AS text FROM cairn.tombstones AS t`,
  );
  expect(row?.text).not.toContain("doc-1");
  expect(row?.text).not.toContain(Buffer.from("doc-1").toString("hex"));
  await deleteRecords(collection, ["doc-1"]);
  await ownerRows(testDb.database, sql`UPDATE cairn.tombstones SET seen_at = now() - interval '2 hours'`);
  await migrateAgain();
  expect(await tombstones()).toHaveLength(1);
  expect(await listDifferences()).toEqual(["deleted doc-2"]);
});
