import type { PlanOptions } from "@cairn/chroma/plan/options.ts";
import { preflight } from "@cairn/chroma/plan/preflight.ts";
import { beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { plainRecords, putRecords, randomUnit } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  countRows,
  createChromaDatabase,
  createTenantCollection,
  migrateDatabase,
  openTestSource,
  planDatabase,
} from "./support/migration.ts";
import { always, isVectorFetchOf, startHttpProxy } from "./support/proxy.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
});

const planNow = (options: PlanOptions = {}) => planDatabase(testDb, chroma, { chromaDatabase: scope, ...options });
const rowCounts = () => countRows(testDb.database);

describe("the dry run", () => {
  test("counts records, and quarantined records by reason, and writes nothing", async () => {
    const collection = await createTenantCollection(chroma, scope, { space: "cosine" });
    await putRecords(collection, plainRecords(90, 4));
    await putRecords(collection, [
      { id: "null 1", embedding: randomUnit(4) },
      { id: "null 2", embedding: randomUnit(4) },
      { id: "zero", embedding: [0, 0, 0, 0], document: "no direction" },
      { id: "big", embedding: randomUnit(4), document: "b", metadata: { big: 9007199254740993n } },
      { id: "nul", embedding: randomUnit(4), document: "n", metadata: { nul: "\0" } },
    ]);
    const proxy = await startHttpProxy(chroma, {
      rules: [always({ kind: "answer", status: 500 }, isVectorFetchOf("doc-50"))],
    });
    onTestFinished(() => proxy.stop());
    const before = await rowCounts();
    const progress: number[] = [];
    const {
      results: [found, ...others],
    } = await preflight(await openTestSource(proxy.url), await planNow(), {
      pageSize: 40,
      onProgress: ({ done, total }) => progress.push(done, total),
    });
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      count: 95,
      nullDocuments: 2,
      oddMetadata: 2,
      quarantined: { vector_zero: 1, vector_missing: 1 },
      unreadable: ["doc-50"],
    });
    expect(progress).toEqual([40, 95, 80, 95, 95, 95]);
    expect(found?.bytes).toBeGreaterThan(95 * 200);
    expect(found?.bytes).toBeLessThan(95 * 1_000);
    expect(found?.seconds).toBeGreaterThan(0);
    expect(await rowCounts()).toEqual(before);
  });

  test("predicts the records that the migration quarantines", async () => {
    const { tenant: _, ...collection } = await createTenantCollection(chroma, scope, { space: "cosine" });
    await putRecords(collection, [
      ...plainRecords(5, 4),
      { id: "zero", embedding: [0, 0, 0, 0], document: "z" },
      { id: "null", embedding: randomUnit(4) },
    ]);
    const source = await openTestSource(chroma);
    const {
      results: [copied],
    } = await preflight(source, await planNow());
    const {
      results: [embedded],
    } = await preflight(source, await planNow({ reEmbed: "always" }));
    expect([copied?.quarantined, embedded?.quarantined]).toEqual([{ vector_zero: 1 }, { no_text: 1 }]);
    const report = await migrateDatabase(testDb.database, source, scope);
    expect(report.exceptions.map(({ id, reason }) => `${id} ${reason}`)).toEqual(["zero vector_zero"]);
  });
});
