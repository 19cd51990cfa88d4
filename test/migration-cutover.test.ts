import { changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { changeModel, restoreModel } from "@cairn/core/reembed/change.ts";
import { sql } from "drizzle-orm";
import { expect, inject, test } from "vitest";
import { useCutover } from "./support/cutover.ts";
import { deleteRecords, plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { migrateDatabase, openTestSource, ownerRows, readCairn } from "./support/migration.ts";

// Changes made in Cairn after the cut-over are kept and reported, however they were made.

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
const fixture = useCutover(testDb);
const { listDifferences, migrateAgain, put, remove, storedIds, tombstones } = fixture;

test("verify and a second migration report the same deletes, adds and edits in Cairn", async () => {
  await remove("doc-1", "doc-2");
  await put("doc-3", "edited in Cairn");
  await put("ours", "added in Cairn");
  const expected = ["deleted doc-1", "deleted doc-2", "content doc-3", "extra ours"];
  expect((await listDifferences()).sort()).toEqual([...expected].sort());
  const before = await readCairn(testDb.database, fixture.collection.tenant);
  const report = await migrateAgain({ prune: true });
  expect(report.totals).toMatchObject({ written: 0, differences: 4, changedInCairn: 4 });
  expect(await readCairn(testDb.database, fixture.collection.tenant)).toEqual(before);
});

test("records deleted by a filter stay deleted, and a record that is new in Chroma is copied", async () => {
  await deleteDocuments(testDb.database, fixture.collection.tenant, { filter: { index: { $lt: 3 } } });
  await putRecords(fixture.collection, plainRecords(1, 4, "late-"));
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
  await putRecords(fixture.collection, plainRecords(1, 4, "late-"));
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
    fixture.collection,
    ids.map((id) => ({ id, embedding: [0, 1, 0, 0], document: "odd" })),
  );
  await migrateAgain();
  await remove(...ids);
  expect((await migrateAgain()).differences.map(({ id }) => id).sort()).toEqual([...ids].sort());
});

test("records deleted and edited before and after a change of model stay so", async () => {
  const services = testDb.services;
  await remove("doc-1");
  await put("doc-2", "edited in Cairn");
  await changeCollection(testDb.database, fixture.collection.tenant, "knowledge", {
    embeddingModel: "local/other",
    confirmModel: true,
  });
  const { replaced } = await changeModel(services, fixture.collection.tenant, "offline/words");
  await remove("doc-3");
  await deleteCollection(testDb.database, fixture.collection.tenant, replaced.id);
  await putRecords(
    fixture.collection,
    [{ id: "doc-4", embedding: [0, 0, 1, 0], document: "edited in Chroma" }],
    "upsert",
  );
  const report = await migrateAgain({ reEmbed: "always", model: "offline/words" });
  expect(report.totals).toMatchObject({ written: 1, changedInCairn: 3, differences: 3 });
  expect((await listDifferences()).sort()).toEqual(["content doc-2", "deleted doc-1", "deleted doc-3"]);
});

test("a record deleted after a change of model stays deleted after the change is reverted", async () => {
  const services = testDb.services;
  await changeCollection(testDb.database, fixture.collection.tenant, "knowledge", {
    embeddingModel: "local/other",
    confirmModel: true,
  });
  await changeModel(services, fixture.collection.tenant, "offline/words");
  await remove("doc-1");
  await restoreModel(
    { ...services, embedders: { ...services.embedders, get: () => services.embedders.get("offline/words") } },
    fixture.collection.tenant,
  );
  expect((await getCollection(testDb.database, fixture.collection.tenant)).embeddingModel).toBe("local/other");
  expect(await migrateAgain({ sourceModel: "local/other" })).toMatchObject({
    totals: { written: 0, changedInCairn: 1 },
  });
  expect(await listDifferences()).toEqual(["deleted doc-1"]);
});

test("a record deleted in Cairn during a run stays deleted", async () => {
  await putRecords(fixture.collection, plainRecords(80, 4, "more-"));
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
  const report = await migrateDatabase(testDb.database, changingSource, fixture.scope, { concurrency: 1 });
  expect(report.differences.map(({ id, kind }) => `${kind} ${id}`).sort()).toEqual([
    "content doc-2",
    "content more-79",
    "deleted doc-1",
    "deleted doc-11",
  ]);
  expect(report.totals).toMatchObject({ changedInCairn: 4, differences: 4 });
  expect((await readCairn(testDb.database, fixture.collection.tenant))["more-79"]?.document).toBe("created meanwhile");
});

test("a tombstone contains no id and is deleted once Chroma no longer has the record", async () => {
  await remove("doc-1", "doc-2");
  const [row] = await ownerRows<{ text: string }>(
    testDb.database,
    sql`SELECT string_agg(t::text, ' ') AS text FROM cairn.tombstones AS t`,
  );
  expect(row?.text).not.toContain("doc-1");
  expect(row?.text).not.toContain(Buffer.from("doc-1").toString("hex"));
  await deleteRecords(fixture.collection, ["doc-1"]);
  await ownerRows(testDb.database, sql`UPDATE cairn.tombstones SET seen_at = now() - interval '2 hours'`);
  await migrateAgain();
  expect(await tombstones()).toHaveLength(1);
  expect(await listDifferences()).toEqual(["deleted doc-2"]);
});
