import { verdictSentence } from "@cairn/chroma/report/verdict.ts";
import type { Source } from "@cairn/chroma/source/source.ts";
import { getDocuments } from "@cairn/core/document/list.ts";
import { AppError } from "@cairn/core/error.ts";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import {
  createChromaCollection,
  deleteRecords,
  plainRecords,
  putRecords,
  randomUnit,
} from "./support/fill-chroma.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  deleteChromaCollection,
  expectSame,
  impatientSource,
  migrateDatabase,
  readCairn,
  readChroma,
} from "./support/migration.ts";

const chroma = inject("chromaUrl");
let one: TestDatabase;
let scope: string;
beforeAll(async () => {
  one = await createTestDatabase();
});
afterAll(() => one?.drop());
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

/** The real source, with something done to the server before the nth fetch of records with their vectors. */
async function disturbed(
  nth: number,
  disturb: () => Promise<unknown>,
  only?: { readonly name: string },
): Promise<Source> {
  const source = await impatientSource(chroma);
  let fetches = 0;
  return {
    ...source,
    async getRecords(...call) {
      const counts = only === undefined || call[0].name === only.name;
      if (counts && ++fetches === nth) await disturb();
      return source.getRecords(...call);
    },
  };
}

test("adds, edits of text, vector and metadata, and deletes during the copy all arrive", async () => {
  const collection = await fill(200);
  const edited = {
    id: "doc-3",
    embedding: randomUnit(4),
    document: "another text",
    metadata: { index: "three" },
    uri: "https://example.org/new",
  };
  const source = await disturbed(4, async () => {
    await putRecords(collection, plainRecords(50, 4, "late-"));
    await putRecords(
      collection,
      [edited, { id: "doc-190", embedding: randomUnit(4), document: "edited before it was copied" }],
      "upsert",
    );
    await deleteRecords(collection, [...ids(10, 20), ...ids(195, 200)]);
  });
  const report = await migrateDatabase(one.database, source, scope, { concurrency: 1 });
  expect(report).toMatchObject({ verdict: "identical", differences: [], exceptions: [] });
  expect(report.collections).toMatchObject([
    { sourceCount: 235, targetCount: 235, compared: 235, vectorsExact: 235 },
  ]);
  expect(report.passes).toBeGreaterThanOrEqual(3);
  await expectSame(one.database, collection);
  expect((await readCairn(one.database, collection.tenant))["doc-3"]).toMatchObject({
    document: "another text",
    metadata: { index: "three" },
  });
});

test("an edit behind the cursor of a comparing pass that finds something else is found by the next pass", async () => {
  const collection = await fill(120);
  // Fetches 1 to 3 copy, 4 to 6 compare: before the 6th, a record of the 4th's page and one of its own page change.
  const source = await disturbed(6, async () => {
    await putRecords(
      collection,
      [
        { id: "doc-1", embedding: randomUnit(4), document: "behind" },
        { id: "doc-119", embedding: randomUnit(4), document: "ahead" },
      ],
      "upsert",
    );
  });
  expect(await migrateDatabase(one.database, source, scope, { concurrency: 1 })).toMatchObject({
    verdict: "identical",
    passes: 4,
  });
  await expectSame(one.database, collection);
});

test("survivors that paging by offset skips, as 300 records before them go, are copied all the same", async () => {
  const collection = await fill(6_400);
  const source = await impatientSource(chroma);
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
  const report = await migrateDatabase(one.database, skipping, scope, { pageSize: 600 });
  expect(second).toBe(false);
  expect(report).toMatchObject({
    verdict: "identical",
    totals: { sourceRecords: 6_100, targetRecords: 6_100 },
  });
  expect(Object.keys(await readCairn(one.database, collection.tenant)).sort()).toEqual(
    ids(300, 6_400).sort(),
  );
});

test("survivors that a resumed pass skips, as records went while it was stopped, are copied all the same", async () => {
  const collection = await fill(300);
  const stop = new Error("stopped");
  const stopping = await disturbed(6, () => Promise.reject(stop));
  await expect(migrateDatabase(one.database, stopping, scope, { concurrency: 1 })).rejects.toBe(stop);
  const copied = Object.keys(await readCairn(one.database, collection.tenant)).length;
  expect(copied).toBeGreaterThanOrEqual(40);
  await deleteRecords(collection, ids(0, copied));
  expect(await migrateDatabase(one.database, chroma, scope)).toMatchObject({
    verdict: "identical",
    totals: { sourceRecords: 300 - copied },
  });
  await expectSame(one.database, collection);
});

test("a source that changes on every pass ends not identical after the passes allowed, naming the records", async () => {
  const collection = await fill(60);
  const source = await impatientSource(chroma);
  let edits = 0;
  const restless: Source = {
    ...source,
    async getRecords(which, wanted, options) {
      if (wanted.includes("doc-7"))
        await putRecords(
          collection,
          [{ id: "doc-7", embedding: randomUnit(4), document: `edit ${++edits}` }],
          "upsert",
        );
      return source.getRecords(which, wanted, options);
    },
  };
  const report = await migrateDatabase(one.database, restless, scope, { maxPasses: 4 });
  expect(report).toMatchObject({
    verdict: "not_identical",
    passes: 4,
    collections: [{ state: "not_identical" }],
  });
  expect(edits).toBe(4);
  expect(report.differences.map(({ id, kind }) => `${kind} ${id}`)).toContain("content doc-7");
  expect(report.differences.find(({ id }) => id === "")?.detail).toMatch(/kept changing through 4 passes/);
  expect(await migrateDatabase(one.database, chroma, scope)).toMatchObject({ verdict: "identical" });
  await expectSame(one.database, collection);
});

test("a source that only grows, faster than it is read, ends too", async () => {
  const collection = await fill(60);
  const source = await impatientSource(chroma);
  let grown = 0;
  const growing: Source = {
    ...source,
    async listIds(...call) {
      const listed = await source.listIds(...call);
      await putRecords(collection, plainRecords(1, 4, `grown-${++grown}-`));
      return listed;
    },
  };
  const report = await migrateDatabase(one.database, growing, scope, { maxPasses: 3 });
  expect(report).toMatchObject({ verdict: "not_identical", passes: 3 });
});

test("a collection deleted during the copy is reported as vanished, and the others are done", async () => {
  const doomed = await fill(200, { collection: "doomed" });
  const other = await fill(80, { collection: "other" });
  const source = await disturbed(4, () => deleteChromaCollection(chroma, scope, doomed), doomed);
  const report = await migrateDatabase(one.database, source, scope, { concurrency: 1, queries: 4 });
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
  await expectSame(one.database, other, "other");
});

test("a collection made during the copy is migrated, too", async () => {
  const first = await fill(100);
  let late: Awaited<ReturnType<typeof fill>> | undefined;
  const source = await disturbed(2, async () => {
    late = await fill(30, { collection: "late" });
  });
  const report = await migrateDatabase(one.database, source, scope);
  expect(report).toMatchObject({ verdict: "identical", totals: { collections: 2, sourceRecords: 130 } });
  await expectSame(one.database, first);
  if (late) await expectSame(one.database, late, "late");
  expect(late).toBeDefined();
});

test("collections made during the copy that have no place, or another's, are told in the report and leave the others alone", async () => {
  const first = await fill(100);
  const rival = first.name.replace(/^tenant_(\w{32})_.*$/, "kb-$1");
  const patterns = ["tenant_{tenant}_{collection}", "kb-{tenant}"];
  let fitting: Awaited<ReturnType<typeof fill>> | undefined;
  const source = await disturbed(2, async () => {
    for (const name of [rival, "scratch"])
      await putRecords(await createChromaCollection(chroma, name, { database: scope }), plainRecords(3, 4));
    fitting = await fill(30, { collection: "late" });
  });
  const report = await migrateDatabase(one.database, source, scope, { patterns, prune: true });
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
      detail: expect.stringContaining(`as default_tenant/${scope}/${first.name} does`),
    },
  ]);
  expect(verdictSentence(report)).toBe("Not identical: 2 collections on one side only.");
  await expectSame(one.database, first);
  if (fitting) await expectSame(one.database, fitting, "late");
});

test("where a collection fails of what no other can do without, the others stop at their next page", async () => {
  const [failing, other] = [await fill(40, { collection: "a" }), await fill(800, { collection: "b" })];
  const source = await impatientSource(chroma);
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
  await expect(migrateDatabase(one.database, wrapped, scope)).rejects.toThrow("broken");
  expect(fetches - failed).toBeLessThanOrEqual(8); // of 20 pages, those that were being read ahead
  expect(await migrateDatabase(one.database, chroma, scope)).toMatchObject({ verdict: "identical" });
});

test("a record that comes back with a shorter text loses the passages of the longer one", async () => {
  const collection = await fill(3);
  const long = Array.from({ length: 4_000 }, (_, index) => `word${index}`).join(" ");
  await putRecords(collection, [{ id: "doc-1", embedding: randomUnit(4), document: long }], "upsert");
  await migrateDatabase(one.database, chroma, scope, { reEmbed: "always" });
  const passages = async () =>
    (await getDocuments(one.database, collection.tenant, { ids: ["doc-1"] }))[0]?.passages.length;
  expect(await passages()).toBeGreaterThan(1);
  await putRecords(collection, [{ id: "doc-1", embedding: randomUnit(4), document: "short" }], "upsert");
  expect(await migrateDatabase(one.database, chroma, scope, { reEmbed: "always" })).toMatchObject({
    verdict: "identical",
    totals: { written: 1 },
  });
  expect(await passages()).toBe(1);
});

test("the final state is the server's own, whatever happened before it", async () => {
  const collection = await fill(90);
  await migrateDatabase(one.database, chroma, scope);
  const before = await readChroma(collection);
  await putRecords(collection, [{ id: "doc-0", embedding: randomUnit(4), document: null }], "upsert");
  expect(await migrateDatabase(one.database, chroma, scope)).toMatchObject({
    verdict: "identical",
    totals: { written: 1 },
  });
  await expectSame(one.database, collection);
  expect(await readChroma(collection)).not.toEqual(before);
});
