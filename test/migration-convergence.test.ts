import type { Source } from "@cairn/chroma/source/source.ts";
import { getDocuments } from "@cairn/core/document/list.ts";
import { beforeEach, expect, inject, test } from "vitest";
import { openChangingSource } from "./support/changing-source.ts";
import { deleteRecords, plainRecords, putRecords, randomUnit } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  expectSame,
  migrateDatabase,
  openTestSource,
  readCairn,
  readChroma,
} from "./support/migration.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
});

const fill = async (count: number, options: { readonly collection?: string } = {}) => {
  const collection = await createTenantCollection(chroma, scope, options);
  await putRecords(collection, plainRecords(count, 4));
  return collection;
};
const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `doc-${from + index}`);

const sourceWithChange = (nth: number, change: () => Promise<unknown>, only?: { readonly name: string }) =>
  openChangingSource(chroma, { nth, change, only });

test("records that are added, edited and deleted during the copy are migrated in their final state", async () => {
  const collection = await fill(200);
  const edited = {
    id: "doc-3",
    embedding: randomUnit(4),
    document: "another text",
    metadata: { index: "three" },
    uri: "https://example.org/new",
  };
  const source = await sourceWithChange(4, async () => {
    await putRecords(collection, plainRecords(50, 4, "late-"));
    await putRecords(
      collection,
      [edited, { id: "doc-190", embedding: randomUnit(4), document: "edited before it was copied" }],
      "upsert",
    );
    await deleteRecords(collection, [...ids(10, 20), ...ids(195, 200)]);
  });
  const report = await migrateDatabase(testDb.database, source, scope, { concurrency: 1 });
  expect(report).toMatchObject({ verdict: "identical", differences: [], exceptions: [] });
  expect(report.collections).toMatchObject([{ sourceCount: 235, targetCount: 235, compared: 235, vectorsExact: 235 }]);
  expect(report.passes).toBeGreaterThanOrEqual(3);
  await expectSame(testDb.database, collection);
  expect((await readCairn(testDb.database, collection.tenant))["doc-3"]).toMatchObject({
    document: "another text",
    metadata: { index: "three" },
  });
});

test("an edit behind the cursor of a pass that finds another change is found by the next pass", async () => {
  const collection = await fill(120);
  // Fetches 1 to 3 copy, 4 to 6 compare: before the 6th, a record of the 4th's page and one of its own page change.
  const source = await sourceWithChange(6, async () => {
    await putRecords(
      collection,
      [
        { id: "doc-1", embedding: randomUnit(4), document: "behind" },
        { id: "doc-119", embedding: randomUnit(4), document: "ahead" },
      ],
      "upsert",
    );
  });
  expect(await migrateDatabase(testDb.database, source, scope, { concurrency: 1 })).toMatchObject({
    verdict: "identical",
    passes: 4,
  });
  await expectSame(testDb.database, collection);
});

test("records that paging by offset skips, because 300 records before them are deleted, are copied", async () => {
  const collection = await fill(6_400);
  const source = await openTestSource(chroma);
  let second = true;
  const skipping: Source = {
    ...source,
    async listIds(which, page) {
      if (page.offset > 0 && second) {
        second = false;
        await deleteRecords(collection, ids(0, 300));
      }
      return source.listIds(which, page);
    },
  };
  const report = await migrateDatabase(testDb.database, skipping, scope, { pageSize: 600 });
  expect(second).toBe(false);
  expect(report).toMatchObject({
    verdict: "identical",
    totals: { sourceRecords: 6_100, targetRecords: 6_100 },
  });
  expect(Object.keys(await readCairn(testDb.database, collection.tenant)).sort()).toEqual(ids(300, 6_400).sort());
});

test("records that a resumed pass skips, because others were deleted while it was stopped, are copied", async () => {
  const collection = await fill(300);
  const stop = new Error("stopped");
  const stopping = await sourceWithChange(6, () => Promise.reject(stop));
  await expect(migrateDatabase(testDb.database, stopping, scope, { concurrency: 1 })).rejects.toBe(stop);
  const copied = Object.keys(await readCairn(testDb.database, collection.tenant)).length;
  expect(copied).toBeGreaterThanOrEqual(40);
  await deleteRecords(collection, ids(0, copied));
  expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({
    verdict: "identical",
    totals: { sourceRecords: 300 - copied },
  });
  await expectSame(testDb.database, collection);
});

test("a source that changes during every pass ends not identical after the maximum number of passes, with the records listed", async () => {
  const collection = await fill(60);
  const source = await openTestSource(chroma);
  let edits = 0;
  const changing: Source = {
    ...source,
    async getRecords(requested, recordIds, options) {
      if (recordIds.includes("doc-7"))
        await putRecords(
          collection,
          [{ id: "doc-7", embedding: randomUnit(4), document: `edit ${++edits}` }],
          "upsert",
        );
      return source.getRecords(requested, recordIds, options);
    },
  };
  const report = await migrateDatabase(testDb.database, changing, scope, { maxPasses: 4 });
  expect(report).toMatchObject({
    verdict: "not_identical",
    passes: 4,
    collections: [{ state: "not_identical" }],
  });
  expect(edits).toBe(4);
  expect(report.differences.map(({ id, kind }) => `${kind} ${id}`)).toContain("content doc-7");
  expect(report.differences.find(({ id }) => id === "")?.detail).toMatch(/kept changing during 4 passes/);
  expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({ verdict: "identical" });
  await expectSame(testDb.database, collection);
});

test("a migration of a source that grows faster than it is read ends", async () => {
  const collection = await fill(60);
  const source = await openTestSource(chroma);
  let grown = 0;
  const growing: Source = {
    ...source,
    async listIds(...call) {
      const listed = await source.listIds(...call);
      await putRecords(collection, plainRecords(1, 4, `grown-${++grown}-`));
      return listed;
    },
  };
  const report = await migrateDatabase(testDb.database, growing, scope, { maxPasses: 3 });
  expect(report).toMatchObject({ verdict: "not_identical", passes: 3 });
});

test("a record whose text gets shorter loses the passages of the longer text", async () => {
  const collection = await fill(3);
  const long = Array.from({ length: 4_000 }, (_, index) => `word${index}`).join(" ");
  await putRecords(collection, [{ id: "doc-1", embedding: randomUnit(4), document: long }], "upsert");
  await migrateDatabase(testDb.database, chroma, scope, { reEmbed: "always" });
  const passages = async () =>
    (await getDocuments(testDb.database, collection.tenant, { ids: ["doc-1"] }))[0]?.passages.length;
  expect(await passages()).toBeGreaterThan(1);
  await putRecords(collection, [{ id: "doc-1", embedding: randomUnit(4), document: "short" }], "upsert");
  expect(await migrateDatabase(testDb.database, chroma, scope, { reEmbed: "always" })).toMatchObject({
    verdict: "identical",
    totals: { written: 1 },
  });
  expect(await passages()).toBe(1);
});

test("the final state equals the server's state, whatever happened before", async () => {
  const collection = await fill(90);
  await migrateDatabase(testDb.database, chroma, scope);
  const before = await readChroma(collection);
  await putRecords(collection, [{ id: "doc-0", embedding: randomUnit(4), document: null }], "upsert");
  expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({
    verdict: "identical",
    totals: { written: 1 },
  });
  await expectSame(testDb.database, collection);
  expect(await readChroma(collection)).not.toEqual(before);
});
