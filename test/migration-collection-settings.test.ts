import { verify } from "@cairn/chroma/verify/verify.ts";
import { changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { createCollection } from "@cairn/core/collection/create.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { ensureTenant } from "@cairn/core/tenant/tenant.ts";
import { beforeEach, describe, expect, inject, test } from "vitest";
import { createChromaCollection, plainRecords, putRecords, tenantName } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  deleteChromaCollection,
  migrateDatabase,
  openTestSource,
} from "./support/migration.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
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
