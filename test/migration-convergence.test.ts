import { verdictSentence } from "@cairn/chroma/report/verdict.ts";
import type { Source } from "@cairn/chroma/source/source.ts";
import { getDocuments } from "@cairn/core/document/list.ts";
import { AppError } from "@cairn/core/error.ts";
import { beforeEach, expect, inject, test } from "vitest";
import {
  createChromaCollection,
  deleteRecords,
  plainRecords,
  putRecords,
  randomUnit,
} from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  deleteChromaCollection,
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
const ids = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `doc-${from + index}`);

/** The real source, with a change to the server before the nth fetch of records with their vectors. */
async function sourceWithChange(
  nth: number,
  change: () => Promise<unknown>,
  only?: { readonly name: string },
): Promise<Source> {
  const source = await openTestSource(chroma);
  let fetches = 0;
  return {
    ...source,
    async getRecords(...call) {
      const counts = only === undefined || call[0].name === only.name;
      if (counts && ++fetches === nth) await change();
      return source.getRecords(...call);
    },
  };
}

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
  expect(report.collections).toMatchObject([
    { sourceCount: 235, targetCount: 235, compared: 235, vectorsExact: 235 },
  ]);
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
  expect(Object.keys(await readCairn(testDb.database, collection.tenant)).sort()).toEqual(
    ids(300, 6_400).sort(),
  );
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

test("a collection deleted during the copy is reported as vanished, and the others are migrated", async () => {
  const doomed = await fill(200, { collection: "doomed" });
  const other = await fill(80, { collection: "other" });
  const source = await sourceWithChange(4, () => deleteChromaCollection(chroma, scope, doomed), doomed);
  const report = await migrateDatabase(testDb.database, source, scope, { concurrency: 1, queries: 4 });
  const states = Object.fromEntries(
    report.collections.map(({ source: { name }, state, verdict }) => [name, `${state} ${verdict}`]),
  );
  expect(Object.keys(states)).toHaveLength(2);
  expect(states[doomed.name]).toBe("vanished not_identical");
  const vanished = report.collections.find(({ source: { name } }) => name === doomed.name);
  expect(vanished?.targetCount).toBeGreaterThanOrEqual(40);
  expect(vanished).toMatchObject({ written: vanished?.targetCount, sourceCount: vanished?.targetCount });
  expect(states[other.name]).toBe("identical identical");
  expect(report.verdict).toBe("not_identical");
  await expectSame(testDb.database, other, "other");
});

test("a collection created during the copy is migrated too", async () => {
  const first = await fill(100);
  let late: Awaited<ReturnType<typeof fill>> | undefined;
  const source = await sourceWithChange(2, async () => {
    late = await fill(30, { collection: "late" });
  });
  const report = await migrateDatabase(testDb.database, source, scope);
  expect(report).toMatchObject({ verdict: "identical", totals: { collections: 2, sourceRecords: 130 } });
  await expectSame(testDb.database, first);
  if (late) await expectSame(testDb.database, late, "late");
  expect(late).toBeDefined();
});

test("collections created during the copy that are unmapped or have a taken target are reported, and the others are migrated", async () => {
  const first = await fill(100);
  const rival = first.name.replace(/^tenant_(\w{32})_.*$/, "kb-$1");
  const patterns = ["tenant_{tenant}_{collection}", "kb-{tenant}"];
  let mapped: Awaited<ReturnType<typeof fill>> | undefined;
  const source = await sourceWithChange(2, async () => {
    for (const name of [rival, "scratch"])
      await putRecords(await createChromaCollection(chroma, name, { database: scope }), plainRecords(3, 4));
    mapped = await fill(30, { collection: "late" });
  });
  const report = await migrateDatabase(testDb.database, source, scope, { patterns, prune: true });
  expect(report).toMatchObject({
    verdict: "not_identical",
    totals: { collections: 2, sourceRecords: 130, differences: 2 },
  });
  expect(report.collections.map(({ verdict }) => verdict)).toEqual(["identical", "identical"]);
  expect(report.differences).toEqual([
    {
      collection: "scratch",
      id: "",
      kind: "missing",
      detail: expect.stringMatching(/does not match.*--map/),
    },
    {
      collection: rival,
      id: "",
      kind: "missing",
      detail: expect.stringContaining(`also the target of default_tenant/${scope}/${first.name}`),
    },
  ]);
  expect(verdictSentence(report)).toBe("Not identical: 2 collections on one side only.");
  await expectSame(testDb.database, first);
  if (mapped) await expectSame(testDb.database, mapped, "late");
});

test("an error that affects all collections stops the others at their next page", async () => {
  const [failing, other] = [await fill(40, { collection: "a" }), await fill(800, { collection: "b" })];
  const source = await openTestSource(chroma);
  let fetches = 0;
  let failed = -1;
  const wrapped: Source = {
    ...source,
    async getRecords(which, ...call) {
      if (which.name === other.name) fetches++;
      if (which.name !== failing.name) return source.getRecords(which, ...call);
      while (fetches < 3) await new Promise((resolve) => setTimeout(resolve, 5));
      failed = fetches;
      throw new AppError("database_exhausted", "broken");
    },
  };
  await expect(migrateDatabase(testDb.database, wrapped, scope)).rejects.toThrow("broken");
  expect(fetches - failed).toBeLessThanOrEqual(8); // of 20 pages, only those that were read ahead
  expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({ verdict: "identical" });
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
