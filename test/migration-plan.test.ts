import { migrate } from "@cairn/chroma/migrate.ts";
import type { PlanOptions } from "@cairn/chroma/plan/options.ts";
import { type Plan, planMigration } from "@cairn/chroma/plan/plan.ts";
import { preflight } from "@cairn/chroma/plan/preflight.ts";
import type { MigrationReport } from "@cairn/chroma/report/report.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import { changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { createCollection } from "@cairn/core/collection/create.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { MAX_SLICE_BYTES } from "@cairn/core/document/byte-slices.ts";
import { getDocuments } from "@cairn/core/document/list.ts";
import type { Embedder } from "@cairn/core/embedding/embedder.ts";
import { AppError } from "@cairn/core/error.ts";
import { query } from "@cairn/core/search/query.ts";
import { ensureTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import {
  createChromaCollection,
  plainRecords,
  putRecords,
  randomUnit,
  tenantName,
} from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  deleteChromaCollection,
  migrateDatabase,
  openTestSource,
  ownerRows,
  readCairn,
} from "./support/migration.ts";
import { always, isVectorFetchOf, startHttpProxy } from "./support/proxy.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
});

const fill = async (name: string, count = 3, space = "l2") => {
  const collection = await createChromaCollection(chroma, name, { database: scope, space });
  await putRecords(collection, plainRecords(count, 4));
  return collection;
};
const planNow = async (options: PlanOptions = {}): Promise<Plan> =>
  planMigration(
    await (await openTestSource(chroma)).listCollections({ databases: [scope] }),
    testDb.database,
    testDb.services.embedders,
    options,
  );
const targetPaths = ({ collections }: Plan) =>
  Object.fromEntries(
    collections.map(({ source, targetPath }) => [
      source.name,
      `${targetPath.tenant}/${targetPath.collection}`,
    ]),
  );
const count = async (table: string) => {
  const [row] = await ownerRows<{ n: number }>(
    testDb.database,
    sql`SELECT count(*)::int AS n FROM cairn.${sql.identifier(table)}`,
  );
  return row?.n;
};
const rowCounts = async () =>
  Promise.all(["tenants", "collections", "documents", "migration_runs", "migration_collections"].map(count));

describe("the targets of collections", () => {
  test("patterns are tried in order, after the mapping", async () => {
    for (const name of ["tenant_acme_faq", "kb-globex", "shared", "scratch"]) await fill(name);
    const plan = await planNow({
      patterns: ["tenant_{tenant}_{collection}", "kb-{tenant}"],
      mapping: {
        shared: { tenant: "acme", collection: "shared" },
        [`default_tenant/${scope}/scratch`]: null,
      },
    });
    expect(targetPaths(plan)).toEqual({
      tenant_acme_faq: "acme/faq",
      "kb-globex": "globex/knowledge",
      shared: "acme/shared",
    });
    expect(plan.skipped.map(({ name }) => name)).toEqual(["scratch"]);
    expect(plan.unmapped).toEqual([]);
  });

  test("an entry with the path has precedence over an entry with the name", async () => {
    await fill("faq");
    expect(
      targetPaths(
        await planNow({
          mapping: {
            faq: { tenant: "a", collection: "x" },
            [`default_tenant/${scope}/faq`]: { tenant: "b", collection: "y" },
          },
        }),
      ),
    ).toEqual({ faq: "b/y" });
  });

  test("--only plans only matching collections, and other names need not match a pattern", async () => {
    for (const name of ["tenant_acme_faq", "tenant_acme_faq-old", "scratch"]) await fill(name);
    const plan = await planNow({ only: ["tenant_*_faq", "*-old"] });
    expect(Object.keys(targetPaths(plan))).toEqual(["tenant_acme_faq", "tenant_acme_faq-old"]);
    expect(plan.skipped.map(({ name }) => name)).toEqual(["scratch"]);
  });

  test.each<[string, PlanOptions, RegExp]>([
    ["an --only", { only: ["tenant_*", "scatch"] }, /--only names "scatch".*closest names are "scratch", /],
    [
      "a null of the mapping",
      { mapping: { scrach: null } },
      /--map names "scrach".*closest names are "scratch", /,
    ],
    [
      "a path of the mapping",
      { mapping: { "default_tenant/elsewhere/scratch": null } },
      /closest names are "default_tenant\/test_\w+\/scratch", /,
    ],
  ])(
    "%s that names no collection stops the migration and suggests the closest names",
    async (_name, options, message) => {
      for (const name of ["tenant_acme_faq", "tenant_acme_scratchpad", "scratch"]) await fill(name);
      const before = await rowCounts();
      await expect(migrateDatabase(testDb.database, chroma, scope, options)).rejects.toMatchObject({
        code: "invalid_input",
        message: expect.stringMatching(message),
      });
      expect(await rowCounts()).toEqual(before);
    },
  );

  test("unmapped names stop the migration before anything is written, and each is listed with what to do", async () => {
    for (const name of ["tenant_acme_faq", "scratch", "notes"]) await fill(name);
    const before = await rowCounts();
    await expect(migrateDatabase(testDb.database, chroma, scope)).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringMatching(
        /2 collections.*nothing was written(?=[\s\S]*scratch: .*--map.*--pattern.*--only)(?=[\s\S]*notes: )/,
      ),
    });
    expect(await rowCounts()).toEqual(before);
  });

  test("two collections with one target stop the migration, and both are named", async () => {
    for (const name of ["tenant_acme_faq", "faq"]) await fill(name);
    const mapping = { faq: { tenant: "acme", collection: "faq" } };
    const before = await rowCounts();
    await expect(migrateDatabase(testDb.database, chroma, scope, { mapping })).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringMatching(
        /tenant_acme_faq: Its target would be collection faq of tenant acme, which is also the target of .*\/faq/,
      ),
    });
    expect(await rowCounts()).toEqual(before);
  });

  test("a tenant of 32 hex digits becomes the UUID, in upper and lower case", async () => {
    const { name, tenant } = await createTenantCollection(chroma, scope);
    expect(targetPaths(await planNow())).toEqual({ [name]: `${tenant}/knowledge` });
    await migrateDatabase(testDb.database, chroma, scope);
    expect(await getCollection(testDb.database, tenant)).toMatchObject({ metric: "l2", dimensions: null });
  });
});

describe("texts that are embedded again", () => {
  const long = Array.from({ length: 3_000 }, (_, index) => `sentence ${index} about returns.`).join(" ");
  const reEmbed = { reEmbed: "always", model: "offline/words" } as const;

  test("each text gets vectors of the new model, long texts get passages, and records without text are kept and listed", async () => {
    const { tenant, ...collection } = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(60, 4));
    await putRecords(collection, [
      { id: "long", embedding: randomUnit(4), document: long, metadata: { pages: 9 } },
      { id: "null", embedding: randomUnit(4), metadata: { kept: true } },
      { id: "blank", embedding: randomUnit(4), document: "  \n" },
    ]);
    const report = await migrateDatabase(testDb.database, chroma, scope, reEmbed);
    expect(report).toMatchObject({
      verdict: "identical_with_exceptions",
      totals: { sourceRecords: 63, targetRecords: 63, written: 63, vectorsCompared: 0 },
    });
    expect(report.exceptions.map(({ id, reason }) => `${id} ${reason}`).sort()).toEqual([
      "blank no_text",
      "null no_text",
    ]);
    expect(report.collections).toMatchObject([
      {
        vectors: "embed",
        model: "offline/words",
        dimensions: 1536,
        why: expect.stringContaining("--re-embed always"),
      },
    ]);

    const [document] = await getDocuments(testDb.database, tenant, { ids: ["long"] });
    expect(document?.passages.length).toBeGreaterThan(2);
    expect(document).toMatchObject({ metadata: { pages: 9 } });
    expect(document?.passages.every(({ embedded }) => embedded)).toBe(true);
    const [kept] = await getDocuments(testDb.database, tenant, { ids: ["null"] });
    expect(kept).toMatchObject({ metadata: { kept: true }, passages: [{ content: null, embedded: false }] });
    const hits = await query(testDb.services, tenant, {
      text: "sentence 2999 about returns",
      topK: 1,
    });
    expect(hits).toMatchObject([{ id: "long" }]);

    const rows = () =>
      ownerRows(
        testDb.database,
        sql`SELECT id, chunk, xmin::text FROM cairn.documents WHERE tenant_id = ${tenant}::uuid ORDER BY id, chunk`,
      );
    const before = await rows();
    expect(await migrateDatabase(testDb.database, chroma, scope, reEmbed)).toMatchObject({
      verdict: "identical_with_exceptions",
      passes: 1,
      totals: { written: 0 },
    });
    expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({
      verdict: "identical_with_exceptions",
      totals: { written: 0 },
    });
    const facts = { databaseName: "test", cairnVersion: "0", queries: 5, scope: { databases: [scope] } };
    expect(await verify(testDb.services, await openTestSource(chroma), facts)).toMatchObject({
      verdict: "identical_with_exceptions",
      differences: [],
      search: null,
    });
    expect(await rows()).toEqual(before);
  });

  test("vectors that are not used are not requested from Chroma, and missing ones do not matter", async () => {
    const { tenant, ...collection } = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(10, 4));
    const proxy = await startHttpProxy(chroma, {
      rules: [always({ kind: "answer", status: 500 }, isVectorFetchOf("doc-3"))],
    });
    onTestFinished(() => proxy.stop());
    expect(await migrateDatabase(testDb.database, proxy.url, scope, reEmbed)).toMatchObject({
      verdict: "identical",
      exceptions: [],
    });
    expect(proxy.seen.filter(({ body }) => body.includes('"embeddings"'))).toEqual([]);
    expect(
      Object.values(await readCairn(testDb.database, tenant)).every(({ vector }) => vector?.length === 1536),
    ).toBe(true);
  });

  test("only an edited text is embedded again", async () => {
    const { tenant, ...collection } = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(10, 4));
    await migrateDatabase(testDb.database, chroma, scope, reEmbed);
    const before = await readCairn(testDb.database, tenant);
    await putRecords(
      collection,
      [{ id: "doc-2", embedding: randomUnit(4), document: "wholly different words" }],
      "upsert",
    );
    expect(await migrateDatabase(testDb.database, chroma, scope, reEmbed)).toMatchObject({
      verdict: "identical",
      totals: { written: 1 },
    });
    const after = await readCairn(testDb.database, tenant);
    expect(after["doc-2"]?.document).toBe("wholly different words");
    expect(after["doc-2"]?.vector).not.toEqual(before["doc-2"]?.vector);
    expect({ ...after, "doc-2": null }).toEqual({ ...before, "doc-2": null });
  });

  test("a record that the model refuses is also an exception in verify, and every migration retries it", async () => {
    const { tenant, ...collection } = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(4, 4));
    await putRecords(collection, [{ id: "poison", embedding: randomUnit(4), document: `poison ${long}` }]);
    const services = testDb.services;
    let refusing = true;
    const refuse = (embedder: Embedder): Embedder => ({
      ...embedder,
      embed: (texts, options) =>
        refusing && texts.some((text) => text.includes("poison"))
          ? Promise.reject(new AppError("invalid_input", "The model does not want it."))
          : embedder.embed(texts, options),
    });
    const embedders = {
      ...services.embedders,
      get: (model: string) => refuse(services.embedders.get(model)),
    };
    const facts = { databaseName: "test", cairnVersion: "0", queries: 0, scope: { databases: [scope] } };
    const source = await openTestSource(chroma);
    const migrateAgain = () => migrate({ ...services, embedders }, source, { ...facts, ...reEmbed });
    const reasons = ({ verdict, exceptions }: MigrationReport) => [
      verdict,
      ...exceptions.map(({ id, reason }) => `${id} ${reason}`),
    ];

    expect(reasons(await migrateAgain())).toEqual(["identical_with_exceptions", "poison embedding_refused"]);
    expect(reasons(await verify(services, source, facts))).toEqual([
      "identical_with_exceptions",
      "poison not_embedded",
    ]);
    // A difference other than the vector is not an exception.
    await ownerRows(
      testDb.database,
      sql`UPDATE cairn.documents SET content = content || '!' WHERE id = 'poison' AND chunk = 2 AND tenant_id = ${tenant}::uuid`,
    );
    expect(await verify(services, source, facts)).toMatchObject({
      verdict: "not_identical",
      differences: [{ id: "poison", kind: "content" }],
    });
    refusing = false;
    expect(reasons(await migrateAgain())).toEqual(["identical"]);
    expect(reasons(await verify(services, source, facts))).toEqual(["identical"]);
  });

  test("a page of long records is embedded and written in parts of limited size", async () => {
    const { tenant, ...collection } = await createTenantCollection(chroma, scope);
    // At 16,000 dimensions a slice has 120 passages. These records have 30 each, and one has more than 120.
    const text = (words: number) => Array.from({ length: words }, (_, n) => `word${n}`).join(" ");
    const records = Array.from({ length: 10 }, (_, n) => ({
      id: `r${n}`,
      embedding: randomUnit(4),
      document: text(n === 9 ? 20_000 : 4_000),
    }));
    await putRecords(collection, records);
    const services = testDb.services;
    const calls: number[] = [];
    const recording = (embedder: Embedder): Embedder => ({
      ...embedder,
      embed(texts, options) {
        calls.push(texts.length * options.dimensions * 4);
        return embedder.embed(texts, options);
      },
    });
    const embedders = {
      ...services.embedders,
      default: { model: "offline/words", dimensions: 16_000 },
      get: (model: string) => recording(services.embedders.get(model)),
    };
    const facts = { databaseName: "test", cairnVersion: "0", queries: 0, scope: { databases: [scope] } };
    const source = await openTestSource(chroma);
    const report = await migrate({ ...services, embedders }, source, { ...facts, ...reEmbed });
    expect(report).toMatchObject({ verdict: "identical", exceptions: [], differences: [] });
    expect(calls.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(2 * MAX_SLICE_BYTES);
    expect(Math.max(...calls)).toBeLessThanOrEqual(MAX_SLICE_BYTES);
    const [stored] = await ownerRows(
      testDb.database,
      sql`SELECT count(DISTINCT id)::int AS documents, bool_and(embedding IS NOT NULL) AS embedded
          FROM cairn.documents WHERE tenant_id = ${tenant}::uuid`,
    );
    expect(stored).toEqual({ documents: 10, embedded: true });
  });

  test("a model other than the target's is refused before anything is written", async () => {
    const { tenant, ...collection } = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(3, 4));
    await migrateDatabase(testDb.database, chroma, scope, { sourceModel: "local/their-own" });
    const before = [await rowCounts(), await readCairn(testDb.database, tenant)];
    await expect(migrateDatabase(testDb.database, chroma, scope, reEmbed)).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringMatching(/never mixed.*--map/),
    });
    expect([await rowCounts(), await readCairn(testDb.database, tenant)]).toEqual(before);
  });
});

describe("the collection itself", () => {
  const runVerify = async () =>
    verify(testDb.services, await openTestSource(chroma), {
      databaseName: "test",
      cairnVersion: "0",
      queries: 0,
      scope: { databases: [scope] },
    });

  test("is a difference if only one side has it: not migrated yet, or deleted in Chroma", async () => {
    const gone = await createTenantCollection(chroma, scope);
    const kept = await createTenantCollection(chroma, scope);
    for (const collection of [gone, kept]) await putRecords(collection, plainRecords(3, 4));
    expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({ verdict: "identical" });
    await deleteChromaCollection(chroma, scope, gone);
    const late = await createTenantCollection(chroma, scope);
    await putRecords(late, plainRecords(3, 4));
    const vanished = { collection: gone.name, id: "", kind: "extra" };
    expect(await runVerify()).toMatchObject({
      verdict: "not_identical",
      totals: { collections: 1, differences: 2 },
      differences: [{ collection: late.name, id: "", kind: "missing" }, vanished],
    });
    expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({
      verdict: "not_identical",
      totals: { collections: 2 },
      differences: [vanished],
    });
    await deleteCollection(testDb.database, gone.tenant, "knowledge");
    expect(await runVerify()).toMatchObject({ verdict: "identical", differences: [] });
  });

  test("has its metadata compared: changes in Cairn are kept until they are discarded, and equal metadata is not written", async () => {
    const { name, tenant } = tenantName();
    const metadata = { owner: "support", ratio: JSON.rawJSON("1.0"), big: 9007199254740993n };
    await createChromaCollection(chroma, name, { database: scope, metadata });
    await migrateDatabase(testDb.database, chroma, scope);
    const { updatedAt } = await getCollection(testDb.database, tenant);
    expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({ verdict: "identical" });
    expect((await getCollection(testDb.database, tenant)).updatedAt).toEqual(updatedAt);
    expect(await runVerify()).toMatchObject({ verdict: "identical" });

    await changeCollection(testDb.database, tenant, "knowledge", { metadata: { owner: "sales", ratio: 1 } });
    expect(await runVerify()).toMatchObject({
      verdict: "not_identical",
      totals: { differences: 1 },
      collections: [{ state: "not_identical", differences: { metadata: 1 } }],
      differences: [
        {
          id: "",
          kind: "metadata",
          detail: expect.stringMatching(/^The collection itself: .*("owner", "big"|"big", "owner")\.$/),
        },
      ],
    });
    expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({
      verdict: "not_identical",
      differences: [{ id: "", kind: "metadata", madeInCairn: true }],
    });
    expect((await getCollection(testDb.database, tenant)).metadata).toEqual({ owner: "sales", ratio: 1 });
    const discardChanges = true;
    expect(await migrateDatabase(testDb.database, chroma, scope, { discardChanges })).toMatchObject({
      verdict: "identical",
    });
    expect(await runVerify()).toMatchObject({ verdict: "identical" });
  });

  test("is not identical if the target has another metric, even if all records are equal", async () => {
    const { tenant, ...collection } = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(3, 4));
    const { id } = await ensureTenant(testDb.database, tenant);
    await createCollection(testDb.database, id, { embeddingModel: "local/x", metric: "cosine" });
    const expected = {
      verdict: "not_identical",
      differences: [
        {
          id: "",
          kind: "metadata",
          detail: expect.stringMatching(/The metric is l2 in Chroma and cosine in Cairn/),
        },
      ],
    };
    const sourceModel = "local/x";
    expect(await migrateDatabase(testDb.database, chroma, scope, { sourceModel })).toMatchObject(expected);
    expect(await runVerify()).toMatchObject(expected);
  });

  // Chroma's clients store this configuration even if the caller provides vectors.
  const configuration = { embedding_function: { type: "known", name: "default", config: {} } };
  test.each([
    ["with other dimensions", 8, null],
    ["with its function's dimensions", 384, "local/all-MiniLM-L6-v2"],
  ])("without records has no dimensions and model until vectors %s are added", async (_name, size, model) => {
    const { name, tenant } = tenantName();
    const collection = await createChromaCollection(chroma, name, { database: scope, configuration });
    expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({ verdict: "identical" });
    expect(await getCollection(testDb.database, tenant)).toMatchObject({
      dimensions: null,
      embeddingModel: null,
    });
    await putRecords(collection, plainRecords(3, size));
    expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({
      verdict: "identical",
      exceptions: [],
      totals: { written: 3 },
    });
    expect(await getCollection(testDb.database, tenant)).toMatchObject({
      dimensions: size,
      embeddingModel: model,
    });
  });

  test("without records and with a named model accepts any dimensions", async () => {
    const { name, tenant } = tenantName();
    const collection = await createChromaCollection(chroma, name, { database: scope, configuration });
    const sourceModel = "openai/text-embedding-3-small";
    await migrateDatabase(testDb.database, chroma, scope, { sourceModel });
    await putRecords(collection, plainRecords(3, 512));
    expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({
      verdict: "identical",
      exceptions: [],
    });
    expect(await getCollection(testDb.database, tenant)).toMatchObject({
      dimensions: 512,
      embeddingModel: sourceModel,
    });
  });
});

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
