import { verify } from "@cairn/chroma/verify/verify.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { getDocuments } from "@cairn/core/document/list.ts";
import { beforeEach, expect, inject, test } from "vitest";
import { deleteRecords, plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  expectSame,
  migrateDatabase,
  openTestSource,
  readCairn,
} from "./support/migration.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
let collection: Awaited<ReturnType<typeof createTenantCollection>>;
// Each test starts with fifty migrated records.
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
  collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, plainRecords(50, 4));
  expect(await migrateAgain()).toMatchObject({ verdict: "identical", totals: { written: 50 } });
});

const migrateAgain = (options: { readonly prune?: boolean; readonly discardChanges?: boolean } = {}) =>
  migrateDatabase(testDb.database, chroma, scope, options);
const put = (id: string, content: string) =>
  ingest(testDb.services, collection.tenant, {
    documents: [{ id, content, embedding: Float32Array.of(1, 0, 0, 0) }],
  });
const contentOf = async (id: string) => (await readCairn(testDb.database, collection.tenant))[id]?.document;

test("an edit in Cairn is kept and reported by a second migration, and --discard-changes reverts it", async () => {
  await put("doc-3", "edited in Cairn");
  const rerun = await migrateAgain();
  expect(rerun).toMatchObject({ verdict: "not_identical", totals: { written: 0, differences: 1 } });
  expect(rerun.differences).toEqual([
    expect.objectContaining({
      id: "doc-3",
      kind: "content",
      detail: expect.stringMatching(
        /changed in Cairn since the migration and is kept. --discard-changes takes Chroma's version/,
      ),
      madeInCairn: true,
    }),
  ]);
  expect(JSON.stringify(rerun)).not.toContain("edited in Cairn");
  expect(await contentOf("doc-3")).toBe("edited in Cairn");

  expect(await migrateAgain({ prune: true })).toMatchObject({ totals: { written: 0, changedInCairn: 1 } });
  expect(await migrateAgain({ discardChanges: true })).toMatchObject({
    verdict: "identical",
    totals: { written: 1 },
  });
  await expectSame(testDb.database, collection);
});

test("a record edited on both sides keeps Cairn's version until changes are discarded", async () => {
  await put("doc-3", "edited in Cairn");
  await putRecords(collection, [{ id: "doc-3", embedding: [0, 0, 1, 0], document: "edited in Chroma" }], "upsert");
  expect(await migrateAgain()).toMatchObject({ verdict: "not_identical", differences: [{ id: "doc-3" }] });
  expect(await contentOf("doc-3")).toBe("edited in Cairn");
  await migrateAgain({ discardChanges: true });
  expect(await contentOf("doc-3")).toBe("edited in Chroma");
});

test("a record written in Cairn with Chroma's content counts as identical", async () => {
  const { documents } = {
    documents: await getDocuments(testDb.database, collection.tenant, { ids: ["doc-4"] }),
  };
  const theirs = (await readCairn(testDb.database, collection.tenant))["doc-4"];
  const [document] = documents;
  if (!document || !theirs?.vector) throw new Error("doc-4 is missing");
  await ingest(testDb.services, collection.tenant, {
    documents: [
      {
        id: "doc-4",
        content: theirs.document,
        metadata: document.metadata,
        uri: theirs.uri ?? undefined,
        embedding: Float32Array.from(theirs.vector),
      },
    ],
  });
  expect(await migrateAgain()).toMatchObject({ verdict: "identical", totals: { written: 0 } });
});

test("records added in Cairn are kept and listed as extra, even with prune, and are deleted if changes are discarded", async () => {
  await put("ours-1", "added in Cairn");
  await put("ours-2", "added in Cairn");
  const rerun = await migrateAgain();
  expect(rerun).toMatchObject({
    verdict: "not_identical",
    totals: { written: 0, targetRecords: 52, sourceRecords: 50 },
  });
  expect(rerun.differences.map(({ id, kind }) => `${kind} ${id}`)).toEqual(["extra ours-1", "extra ours-2"]);
  expect(await contentOf("ours-1")).toBe("added in Cairn");

  expect(await migrateAgain({ prune: true })).toMatchObject({ totals: { written: 0, targetRecords: 52 } });
  expect(await migrateAgain({ discardChanges: true })).toMatchObject({
    verdict: "identical",
    totals: { written: 2, targetRecords: 50 },
  });
  await expectSame(testDb.database, collection);
});

test("records deleted in Chroma after a complete run are kept and listed, and prune deletes them", async () => {
  await deleteRecords(collection, ["doc-0", "doc-49"]);
  const rerun = await migrateAgain();
  expect(rerun).toMatchObject({
    verdict: "not_identical",
    totals: { written: 0, targetRecords: 50, sourceRecords: 48 },
  });
  expect(rerun.differences.map(({ id, kind }) => `${kind} ${id}`)).toEqual(["extra doc-0", "extra doc-49"]);

  expect(await migrateAgain({ prune: true })).toMatchObject({ verdict: "identical", totals: { written: 2 } });
  await expectSame(testDb.database, collection);
});

test("records edited in Chroma after a complete run are updated by the next run", async () => {
  await putRecords(collection, [{ id: "doc-8", embedding: [0, 0, 0, 2], document: "edited in Chroma" }], "upsert");
  expect(await migrateAgain()).toMatchObject({ verdict: "identical", totals: { written: 1 } });
  await expectSame(testDb.database, collection);
});

test("records deleted in Cairn stay deleted and are listed, and are restored if changes are discarded", async () => {
  await deleteDocuments(testDb.database, collection.tenant, { ids: ["doc-5", "doc-6"] });
  const rerun = await migrateAgain({ prune: true });
  expect(rerun).toMatchObject({
    verdict: "not_identical",
    totals: { written: 0, targetRecords: 48, differences: 2, changedInCairn: 2 },
    collections: [{ differences: { missing: 0, deleted: 2 } }],
  });
  expect(rerun.differences).toEqual(
    ["doc-5", "doc-6"].map((id) => ({
      collection: collection.name,
      id,
      kind: "deleted",
      detail: expect.stringContaining("--discard-changes"),
      madeInCairn: true,
    })),
  );
  expect(await migrateAgain({ discardChanges: true })).toMatchObject({
    verdict: "identical",
    totals: { written: 2 },
  });
  await expectSame(testDb.database, collection);
  expect(await migrateAgain()).toMatchObject({ verdict: "identical", totals: { written: 0 } });
});

test("verify reports the same changes in Cairn as a second migration, and writes nothing", async () => {
  await put("doc-3", "edited in Cairn");
  await put("ours", "added in Cairn");
  const before = await readCairn(testDb.database, collection.tenant);
  const report = await verify(testDb.services, await openTestSource(chroma), {
    databaseName: "test",
    cairnVersion: "0",
    queries: 0,
    scope: { databases: [scope] },
  });
  expect(report.verdict).toBe("not_identical");
  expect(report.differences.map(({ id, kind }) => `${kind} ${id}`).sort()).toEqual(["content doc-3", "extra ours"]);
  expect(await readCairn(testDb.database, collection.tenant)).toEqual(before);
});
