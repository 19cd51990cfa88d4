import { verify } from "@cairn/chroma/verify/verify.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { getDocuments } from "@cairn/core/document/list.ts";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { deleteRecords, plainRecords, putRecords } from "./support/fill-chroma.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  expectSame,
  impatientSource,
  migrateDatabase,
  readCairn,
} from "./support/migration.ts";
import { offlineServices } from "./support/services.ts";

const chroma = inject("chromaUrl");
let one: TestDatabase;
let scope: string;
let collection: Awaited<ReturnType<typeof createTenantCollection>>;
beforeAll(async () => {
  one = await createTestDatabase();
});
afterAll(() => one?.drop());
// Fifty records, migrated.
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
  collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, plainRecords(50, 4));
  expect(await again()).toMatchObject({ verdict: "identical", totals: { written: 50 } });
});

const again = (options: { readonly prune?: boolean; readonly discardChanges?: boolean } = {}) =>
  migrateDatabase(one.database, chroma, scope, options);
const put = (id: string, content: string) =>
  ingest(offlineServices(one.database), collection.tenant, {
    documents: [{ id, content, embedding: Float32Array.of(1, 0, 0, 0) }],
  });
const contentOf = async (id: string) => (await readCairn(one.database, collection.tenant))[id]?.document;

test("a record edited in Cairn stays through a rerun and is reported; discarded, it takes Chroma's again", async () => {
  await put("doc-3", "edited in Cairn");
  const rerun = await again();
  expect(rerun).toMatchObject({ verdict: "not_identical", totals: { written: 0, differences: 1 } });
  expect(rerun.differences).toEqual([
    expect.objectContaining({
      id: "doc-3",
      kind: "content",
      detail: expect.stringMatching(/changed in Cairn since and is kept; --discard-changes takes Chroma's/),
      madeInCairn: true,
    }),
  ]);
  expect(JSON.stringify(rerun)).not.toContain("edited in Cairn");
  expect(await contentOf("doc-3")).toBe("edited in Cairn");

  expect(await again({ prune: true })).toMatchObject({ totals: { written: 0, changedInCairn: 1 } });
  expect(await again({ discardChanges: true })).toMatchObject({
    verdict: "identical",
    totals: { written: 1 },
  });
  await expectSame(one.database, collection);
});

test("a record edited on both sides is Cairn's until it is discarded", async () => {
  await put("doc-3", "edited in Cairn");
  await putRecords(
    collection,
    [{ id: "doc-3", embedding: [0, 0, 1, 0], document: "edited in Chroma" }],
    "upsert",
  );
  expect(await again()).toMatchObject({ verdict: "not_identical", differences: [{ id: "doc-3" }] });
  expect(await contentOf("doc-3")).toBe("edited in Cairn");
  await again({ discardChanges: true });
  expect(await contentOf("doc-3")).toBe("edited in Chroma");
});

test("a record written in Cairn with Chroma's own content counts as the same", async () => {
  const { documents } = {
    documents: await getDocuments(one.database, collection.tenant, { ids: ["doc-4"] }),
  };
  const theirs = (await readCairn(one.database, collection.tenant))["doc-4"];
  const [document] = documents;
  if (!document || !theirs?.vector) throw new Error("doc-4 is missing");
  await ingest(offlineServices(one.database), collection.tenant, {
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
  expect(await again()).toMatchObject({ verdict: "identical", totals: { written: 0 } });
});

test("records added in Cairn survive a rerun and are listed as extra, with prune, too; discarded, they go", async () => {
  await put("ours-1", "added in Cairn");
  await put("ours-2", "added in Cairn");
  const rerun = await again();
  expect(rerun).toMatchObject({
    verdict: "not_identical",
    totals: { written: 0, targetRecords: 52, sourceRecords: 50 },
  });
  expect(rerun.differences.map(({ id, kind }) => `${kind} ${id}`)).toEqual(["extra ours-1", "extra ours-2"]);
  expect(await contentOf("ours-1")).toBe("added in Cairn");

  expect(await again({ prune: true })).toMatchObject({ totals: { written: 0, targetRecords: 52 } });
  expect(await again({ discardChanges: true })).toMatchObject({
    verdict: "identical",
    totals: { written: 2, targetRecords: 50 },
  });
  await expectSame(one.database, collection);
});

test("records deleted in Chroma after a complete run stay and are listed; with prune they go", async () => {
  await deleteRecords(collection, ["doc-0", "doc-49"]);
  const rerun = await again();
  expect(rerun).toMatchObject({
    verdict: "not_identical",
    totals: { written: 0, targetRecords: 50, sourceRecords: 48 },
  });
  expect(rerun.differences.map(({ id, kind }) => `${kind} ${id}`)).toEqual(["extra doc-0", "extra doc-49"]);

  expect(await again({ prune: true })).toMatchObject({ verdict: "identical", totals: { written: 2 } });
  await expectSame(one.database, collection);
});

test("records edited in Chroma after a complete run are taken by the next one", async () => {
  await putRecords(
    collection,
    [{ id: "doc-8", embedding: [0, 0, 0, 2], document: "edited in Chroma" }],
    "upsert",
  );
  expect(await again()).toMatchObject({ verdict: "identical", totals: { written: 1 } });
  await expectSame(one.database, collection);
});

test("records deleted in Cairn stay deleted through a rerun and are listed; discarded, they come back", async () => {
  await deleteDocuments(one.database, collection.tenant, { ids: ["doc-5", "doc-6"] });
  const rerun = await again({ prune: true });
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
  expect(await again({ discardChanges: true })).toMatchObject({
    verdict: "identical",
    totals: { written: 2 },
  });
  await expectSame(one.database, collection);
  expect(await again()).toMatchObject({ verdict: "identical", totals: { written: 0 } });
});

test("verify agrees with the rerun about what is Cairn's own, and changes nothing", async () => {
  await put("doc-3", "edited in Cairn");
  await put("ours", "added in Cairn");
  const before = await readCairn(one.database, collection.tenant);
  const report = await verify(offlineServices(one.database), await impatientSource(chroma), {
    databaseName: "test",
    cairnVersion: "0",
    queries: 0,
    scope: { databases: [scope] },
  });
  expect(report.verdict).toBe("not_identical");
  expect(report.differences.map(({ id, kind }) => `${kind} ${id}`).sort()).toEqual([
    "content doc-3",
    "extra ours",
  ]);
  expect(await readCairn(one.database, collection.tenant)).toEqual(before);
});
