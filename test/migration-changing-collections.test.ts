import { verdictSentence } from "@cairn/chroma/report/verdict.ts";
import type { Source } from "@cairn/chroma/source/source.ts";
import { AppError } from "@cairn/core/error.ts";
import { beforeEach, expect, inject, test } from "vitest";
import { openChangingSource } from "./support/changing-source.ts";
import { createChromaCollection, plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  deleteChromaCollection,
  expectSame,
  migrateDatabase,
  openTestSource,
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

const sourceWithChange = (nth: number, change: () => Promise<unknown>, only?: { readonly name: string }) =>
  openChangingSource(chroma, { nth, change, only });

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
