import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createCollection } from "@cairn/core/collection/create.ts";
import { inspectCollection } from "@cairn/core/maintenance/inspect.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { plainRecords, putRecords } from "./support/fill-chroma.ts";
import { createChromaDatabase, createTenantCollection, migrateDatabase } from "./support/migration.ts";

// A migration and a bulk ingest end with their indexes built. If an index cannot be built, they succeed and report it.

/** From this number of dimensions an index can only use half precision. */
const HALF_PRECISION_DIMENSIONS = 2_001;

/** A value that is too large for half precision. */
const TOO_LARGE_ELEMENT = 70_000;

describe("cairn migrate", () => {
  let testDatabase: TestDatabase;
  let chroma: string;
  const url = inject("chromaUrl");
  beforeEach(async () => {
    testDatabase = await createTestDatabase();
    chroma = await createChromaDatabase(url);
  });
  afterEach(() => testDatabase?.drop());

  async function indexesOf(tenant: string) {
    const { indexes } = await inspectCollection(testDatabase.database, tenant, "knowledge");
    return indexes.map(({ kind, state, usable, rows }) => ({ kind, state, usable, rows }));
  }

  test("builds indexes of the collections above their threshold, and none of the others", async () => {
    const large = await createTenantCollection(url, chroma);
    const small = await createTenantCollection(url, chroma);
    await putRecords(large, plainRecords(1_100, 4));
    await putRecords(small, plainRecords(40, 4));
    const report = await migrateDatabase(testDatabase.database, url, chroma, { pageSize: 300 });
    expect(report).toMatchObject({ verdict: "identical", notices: [] });
    const valid = { state: "valid", usable: true, rows: 1_100 };
    expect(await indexesOf(large.tenant)).toEqual([
      { kind: "vector", ...valid },
      { kind: "keyword", ...valid },
    ]);
    expect(await indexesOf(small.tenant)).toEqual([]);
  });

  test("completes with a report that names the collection whose index cannot be built, and builds the others", async () => {
    const indexSettings = { threshold: 20 };
    const tenants: string[] = [];
    for (const [dimensions, element] of [
      [HALF_PRECISION_DIMENSIONS, TOO_LARGE_ELEMENT],
      [4, 1],
    ] as const) {
      const { tenant, ...collection } = await createTenantCollection(url, chroma);
      await putRecords(collection, plainRecords(30, dimensions));
      const embedding = new Array<number>(dimensions).fill(element);
      await putRecords(collection, [{ id: "first", embedding, document: "the first" }]);
      await createTenant(testDatabase.database, { id: tenant });
      await createCollection(testDatabase.database, tenant, {
        embeddingModel: null,
        dimensions,
        metric: "l2",
        indexSettings,
      });
      tenants.push(tenant);
    }
    const [poisoned = "", healthy = ""] = tenants;
    const report = await migrateDatabase(testDatabase.database, url, chroma);
    expect(report).toMatchObject({
      verdict: "identical",
      notices: [expect.stringMatching(/row by row.*65,504.*Scale/)],
    });
    expect(report.notices?.[0]).toContain(poisoned.replaceAll("-", ""));
    expect(await indexesOf(poisoned)).toEqual([]);
    expect(await indexesOf(healthy)).toMatchObject([
      { kind: "vector", state: "valid", usable: true },
      { kind: "keyword", state: "valid", usable: true },
    ]);
  });
});

describe("cairn ingest", () => {
  const cli = useCairnCli();
  beforeAll(async () => {
    await cli.run(["db", "migrate"]);
    await cli.run(["tenants", "create", "acme"]);
  });

  async function createFilled(name: string, dimensions: number, element: number) {
    const index = JSON.stringify({ threshold: 20 });
    const space = ["--metric", "l2", "--dimensions", String(dimensions)];
    const created = await cli.run(["collections", "create", name, ...space, "--index", index]);
    expect(created.code, created.err).toBe(0);
    const lines = Array.from({ length: 30 }, (_, n) =>
      JSON.stringify({ id: `d${n}`, content: `${n}`, embedding: new Array(dimensions).fill(n || element) }),
    );
    await writeFile(join(cli.folder, `${name}.jsonl`), lines.join("\n"));
    return cli.run(["ingest", `${name}.jsonl`, "--collection", name]);
  }

  const statsOf = async (name: string) =>
    (await cli.json("stats")).collections.find(({ collection }: { collection: string }) => collection === name);

  test("builds the indexes of a collection above its threshold", async () => {
    expect(await createFilled("grown", 4, 1)).toMatchObject({
      code: 0,
      err: expect.not.stringContaining("could not be built"),
    });
    const { indexes, tail } = await statsOf("grown");
    expect(tail).toBe(0);
    expect(indexes).toMatchObject([
      { kind: "vector", state: "valid", usable: true, rows: 30 },
      { kind: "keyword", state: "valid", usable: true, rows: 30 },
    ]);
  });

  test("stores the documents if an index cannot be built and reports it, as do stats and reindex", async () => {
    expect(await createFilled("poisoned", HALF_PRECISION_DIMENSIONS, TOO_LARGE_ELEMENT)).toMatchObject({
      code: 0,
      out: expect.stringContaining("30 documents"),
      err: expect.stringMatching(/collection "poisoned" of tenant "acme".*searched exactly.*65,504/),
    });
    expect(await statsOf("poisoned")).toMatchObject({ passages: 30, tail: 30, due: { action: "none" } });
    expect((await cli.run(["stats"])).out).toMatch(/acme\/poisoned: the index could not be built: .*65,504/);
    expect(await cli.run(["reindex"])).toMatchObject({
      code: 3,
      err: expect.stringContaining('collection "poisoned"'),
    });
  });
});
