import { verify } from "@cairn/chroma/verify/verify.ts";
import { changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { getCollection, listCollections } from "@cairn/core/collection/get.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { changeModel, restoreModel } from "@cairn/core/maintenance/model-change.ts";
import { changeTenant, createTenant, deleteTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { deleteRecords, plainRecords, putRecords } from "./support/fill-chroma.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  expectSame,
  impatientSource,
  migrateDatabase,
  ownerRows,
  readCairn,
} from "./support/migration.ts";
import { offlineServices } from "./support/services.ts";

// What was changed in Cairn after the cut-over stays, however it was changed, and is told.

const chroma = inject("chromaUrl");
let one: TestDatabase;
let scope: string;
let collection: Awaited<ReturnType<typeof createTenantCollection>>;
beforeAll(async () => {
  one = await createTestDatabase();
});
afterAll(() => one?.drop());
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
  collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, plainRecords(12, 4));
  expect(await again()).toMatchObject({ verdict: "identical", totals: { written: 12 } });
});

const again = (options: Parameters<typeof migrateDatabase>[3] = {}) =>
  migrateDatabase(one.database, chroma, scope, { sourceModel: "offline/words", ...options });
const look = async () =>
  verify(offlineServices(one.database), await impatientSource(chroma), {
    databaseName: "test",
    cairnVersion: "0",
    queries: 0,
    scope: { databases: [scope] },
  });
const put = (id: string, content: string) =>
  ingest(offlineServices(one.database), collection.tenant, {
    documents: [{ id, content, embedding: Float32Array.of(1, 0, 0, 0) }],
  });
const remove = (...ids: string[]) => deleteDocuments(one.database, collection.tenant, { ids });
const found = async () =>
  (await look()).differences.map(({ id, kind, madeInCairn }) => `${kind} ${id}${madeInCairn ? "" : " ?"}`);
const storedIds = async () => Object.keys(await readCairn(one.database, collection.tenant));
const tombstones = () =>
  ownerRows<{ lineage: string }>(
    one.database,
    sql`SELECT lineage::text FROM cairn.tombstones WHERE tenant_id = ${collection.tenant}::uuid`,
  );

test("verify and a rerun agree: deleted, added and edited in Cairn, and nothing is missing", async () => {
  await remove("doc-1", "doc-2");
  await put("doc-3", "edited in Cairn");
  await put("ours", "added in Cairn");
  const expected = ["deleted doc-1", "deleted doc-2", "content doc-3", "extra ours"];
  expect((await found()).sort()).toEqual([...expected].sort());
  const before = await readCairn(one.database, collection.tenant);
  const report = await again({ prune: true });
  expect(report.totals).toMatchObject({ written: 0, differences: 4, changedInCairn: 4 });
  expect(await readCairn(one.database, collection.tenant)).toEqual(before);
});

test("a record deleted by a filter stays deleted, and one that is new in Chroma comes", async () => {
  await deleteDocuments(one.database, collection.tenant, { filter: { index: { $lt: 3 } } });
  await putRecords(collection, plainRecords(1, 4, "late-"));
  expect(await again()).toMatchObject({ totals: { written: 1, changedInCairn: 3 } });
  expect((await storedIds()).length).toBe(10);
  expect(await found()).toEqual(["deleted doc-0", "deleted doc-1", "deleted doc-2"]);
});

test("a record edited in Cairn and deleted then stays deleted", async () => {
  await put("doc-5", "edited in Cairn");
  await remove("doc-5");
  expect(await again()).toMatchObject({ totals: { written: 0 } });
  expect(await found()).toEqual(["deleted doc-5"]);
});

test("a record deleted in Cairn, made again and deleted again stays deleted", async () => {
  await remove("doc-5");
  await put("doc-5", "made again");
  expect(await again()).toMatchObject({ totals: { written: 0 } });
  expect(await found()).toEqual(["content doc-5"]);
  await remove("doc-5");
  expect(await again()).toMatchObject({ totals: { written: 0 } });
  expect(await found()).toEqual(["deleted doc-5"]);
});

test("a document of Cairn's own with the id of a later record is kept, and stays deleted once it is deleted", async () => {
  await put("late-0", "Cairn's own");
  await putRecords(collection, plainRecords(1, 4, "late-"));
  expect(await again()).toMatchObject({ totals: { written: 0, changedInCairn: 1 } });
  await remove("late-0");
  expect(await again()).toMatchObject({ totals: { written: 0 } });
  expect(await found()).toEqual(["deleted late-0"]);
});

test("all records deleted in Cairn one by one stay deleted, though the target is empty", async () => {
  await remove(...(await storedIds()));
  expect(await again()).toMatchObject({ totals: { written: 0, targetRecords: 0, changedInCairn: 12 } });
  expect(await storedIds()).toEqual([]);
});

test("an id of 5,000 characters, with NUL and half a surrogate pair, stays deleted", async () => {
  const odd = ["x".repeat(5_000), "nul\0id", "日本語 🍵"];
  await putRecords(
    collection,
    odd.map((id) => ({ id, embedding: [0, 1, 0, 0], document: "odd" })),
  );
  await again();
  await remove(...odd);
  expect((await again()).differences.map(({ id }) => id).sort()).toEqual([...odd].sort());
});

test("a collection deleted in Cairn stays deleted until the changes are discarded", async () => {
  await deleteCollection(one.database, collection.tenant, "knowledge");
  expect(await tombstones()).toEqual([]);
  const deleted = { collection: collection.name, id: "", kind: "deleted", madeInCairn: true };
  expect(await again()).toMatchObject({
    verdict: "not_identical",
    totals: { collections: 0, differences: 1, changedInCairn: 1 },
    differences: [deleted],
  });
  expect(await look()).toMatchObject({ differences: [deleted] });
  expect(await listCollections(one.database, collection.tenant)).toEqual([]);
  expect(await again({ discardChanges: true })).toMatchObject({
    verdict: "identical",
    totals: { written: 12 },
  });
  await expectSame(one.database, collection);
});

test("a tenant deleted in Cairn stays deleted, also where one of that id is made again", async () => {
  await deleteTenant(one.database, collection.tenant);
  expect(await again()).toMatchObject({ totals: { changedInCairn: 1, written: 0 } });
  await createTenant(one.database, { id: collection.tenant });
  expect(await again()).toMatchObject({ totals: { changedInCairn: 1, written: 0 } });
  expect(await listCollections(one.database, collection.tenant)).toEqual([]);
});

test("a collection and a tenant renamed in Cairn are followed", async () => {
  await changeCollection(one.database, collection.tenant, "knowledge", { name: "renamed" });
  await changeTenant(one.database, collection.tenant, { name: `renamed ${collection.tenant}` });
  await deleteDocuments(one.database, collection.tenant, { collection: "renamed", ids: ["doc-1"] });
  expect(await again()).toMatchObject({
    totals: { written: 0, changedInCairn: 1 },
    collections: [{ target: { collection: "renamed" } }],
  });
  expect((await listCollections(one.database, collection.tenant)).map(({ name }) => name)).toEqual([
    "renamed",
  ]);
  expect(await found()).toEqual(["deleted doc-1"]);
});

test("another place by the mapping is another place, not a rename", async () => {
  const mapping = { [collection.name]: { tenant: collection.tenant, collection: "elsewhere" } };
  expect(await again({ mapping })).toMatchObject({ verdict: "identical", totals: { written: 12 } });
  await expectSame(one.database, collection, "elsewhere");
});

test("what was deleted and edited before a change of model, and after it, stays so; and after the way back", async () => {
  const services = offlineServices(one.database);
  await remove("doc-1");
  await put("doc-2", "edited in Cairn");
  await changeCollection(one.database, collection.tenant, "knowledge", {
    embeddingModel: "local/other",
    confirmModel: true,
  });
  const { replaced } = await changeModel(services, collection.tenant, "offline/words");
  await remove("doc-3");
  await deleteCollection(one.database, collection.tenant, replaced.id);
  await putRecords(
    collection,
    [{ id: "doc-4", embedding: [0, 0, 1, 0], document: "edited in Chroma" }],
    "upsert",
  );
  const report = await again({ reEmbed: "always", model: "offline/words" });
  expect(report.totals).toMatchObject({ written: 1, changedInCairn: 3, differences: 3 });
  expect((await found()).sort()).toEqual(["content doc-2", "deleted doc-1", "deleted doc-3"]);
});

test("a deletion after a change of model holds after the way back", async () => {
  const services = offlineServices(one.database);
  await changeCollection(one.database, collection.tenant, "knowledge", {
    embeddingModel: "local/other",
    confirmModel: true,
  });
  await changeModel(services, collection.tenant, "offline/words");
  await remove("doc-1");
  await restoreModel(
    { ...services, embedders: { ...services.embedders, get: () => services.embedders.get("offline/words") } },
    collection.tenant,
  );
  expect((await getCollection(one.database, collection.tenant)).embeddingModel).toBe("local/other");
  expect(await again({ sourceModel: "local/other" })).toMatchObject({
    totals: { written: 0, changedInCairn: 1 },
  });
  expect(await found()).toEqual(["deleted doc-1"]);
});

test("a record deleted in Cairn while a run is under way stays deleted", async () => {
  await putRecords(collection, plainRecords(80, 4, "more-"));
  const source = await impatientSource(chroma);
  let fetches = 0;
  const disturbed = {
    ...source,
    async getRecords(...call: Parameters<typeof source.getRecords>) {
      const records = await source.getRecords(...call);
      if (++fetches === 2) {
        await remove("doc-1", "doc-11");
        await put("doc-2", "edited meanwhile");
        await put("more-79", "made meanwhile");
      }
      return records;
    },
  };
  const report = await migrateDatabase(one.database, disturbed, scope, { concurrency: 1 });
  expect(report.differences.map(({ id, kind }) => `${kind} ${id}`).sort()).toEqual([
    "content doc-2",
    "content more-79",
    "deleted doc-1",
    "deleted doc-11",
  ]);
  expect(report.totals).toMatchObject({ changedInCairn: 4, differences: 4 });
  expect((await readCairn(one.database, collection.tenant))["more-79"]?.document).toBe("made meanwhile");
});

test("a target deleted while a run is under way stays deleted, and the others are migrated", async () => {
  const other = await createTenantCollection(chroma, scope);
  await putRecords(other, plainRecords(50, 4));
  await putRecords(collection, plainRecords(80, 4, "more-"));
  const source = await impatientSource(chroma);
  let deleted = false;
  const disturbed = {
    ...source,
    async getRecords(...call: Parameters<typeof source.getRecords>) {
      const records = await source.getRecords(...call);
      if (!deleted && call[0].name === collection.name) {
        deleted = true;
        await deleteCollection(one.database, collection.tenant, "knowledge");
      }
      return records;
    },
  };
  const report = await migrateDatabase(one.database, disturbed, scope);
  expect(report.differences).toMatchObject([{ collection: collection.name, id: "", kind: "deleted" }]);
  await expectSame(one.database, other);
  expect(await listCollections(one.database, collection.tenant)).toEqual([]);
});

test("a tombstone holds no id, and goes once Chroma has the record no longer", async () => {
  await remove("doc-1", "doc-2");
  const [row] = await ownerRows<{ text: string }>(
    one.database,
    sql`SELECT string_agg(t::text, ' ') AS text FROM cairn.tombstones AS t`,
  );
  expect(row?.text).not.toContain("doc-1");
  expect(row?.text).not.toContain(Buffer.from("doc-1").toString("hex"));
  await deleteRecords(collection, ["doc-1"]);
  await ownerRows(one.database, sql`UPDATE cairn.tombstones SET seen_at = now() - interval '2 hours'`);
  await again();
  expect(await tombstones()).toHaveLength(1);
  expect(await found()).toEqual(["deleted doc-2"]);
});
