import { addNamespace } from "@cairn/chroma/namespace/manage.ts";
import type { SettingsInput } from "@cairn/chroma/namespace/settings.ts";
import { createRoutedViews } from "@cairn/chroma/server/view/routed.ts";
import type { ChromaView } from "@cairn/chroma/server/view/view.ts";
import { changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import { expect, inject, test } from "vitest";
import { createChromaCollection, plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { createChromaDatabase, migrateDatabase } from "./support/migration.ts";
import { at, createThrough, namesIn } from "./support/routed-view.ts";

// A namespace shows what a migration copied under the names that the applications know.

const chroma = inject("chromaUrl");
const testDatabase = useTestDatabase();

async function openView(settings: SettingsInput): Promise<ChromaView> {
  const { database } = testDatabase;
  const namespace = await addNamespace(database, { name: `n ${crypto.randomUUID()}`, settings });
  return createRoutedViews()({ database, namespace, scopes: ["read", "write"] });
}

/** Migrates these collections of one database of Chroma with the rules of the namespace. Returns the database. */
async function migrate(names: readonly string[], settings: SettingsInput = {}): Promise<string> {
  const database = await createChromaDatabase(chroma);
  for (const name of names) {
    const collection = await createChromaCollection(chroma, name, { database, space: "l2" });
    await putRecords(collection, plainRecords(2, 4));
  }
  const { patterns, tenant } = settings;
  await migrateDatabase(testDatabase.database, chroma, database, { patterns, tenant });
  return database;
}

test("migrated collections are listed and found under their original names, with their database", async () => {
  const database = await migrate(["tenant_alpha_faq", "tenant_beta_faq"]);
  const view = await openView({});
  expect(await view.getDatabase({ tenant: "default_tenant", database })).toMatchObject({ name: database });
  expect(await namesIn(view, database)).toEqual(["tenant_alpha_faq", "tenant_beta_faq"]);
  const found = await view.findCollection(at("tenant_alpha_faq", database));
  const { id: tenantId } = await getTenant(testDatabase.database, "alpha");
  const { id } = await getCollection(testDatabase.database, tenantId, "faq");
  expect(found).toEqual({ name: "tenant_alpha_faq", tenantId, collectionId: id });
  expect((await view.listDatabases("default_tenant", {})).map(({ name }) => name)).toContain(database);
});

test("a client that knows the id of a migrated collection finds it at once", async () => {
  const database = await migrate(["tenant_gamma_faq"]);
  const { id: tenantId } = await getTenant(testDatabase.database, "gamma");
  const { id } = await getCollection(testDatabase.database, tenantId, "faq");
  const path = { tenant: "default_tenant", database };
  expect(await (await openView({})).findCollectionById(path, id)).toMatchObject({ name: "tenant_gamma_faq", tenantId });
  const elsewhere = { tenant: "default_tenant", database: "default_database" };
  expect(await (await openView({})).findCollectionById(elsewhere, id)).toBeUndefined();
});

test("a migrated collection whose name stands for another tenant in this namespace is not shown", async () => {
  const database = await migrate(["tenant_delta_faq"]);
  const view = await openView({ patterns: ["{collection}"], tenant: "epsilon" });
  expect(await view.getDatabase({ tenant: "default_tenant", database })).toBeUndefined();
  expect(await namesIn(view, database)).toBeUndefined();
});

test("a database for each tenant is shown with its collections", async () => {
  const settings = { patterns: ["*/{tenant}/{collection}"] };
  const database = await migrate(["faq", "notes"], settings);
  const view = await openView(settings);
  expect(await namesIn(view, database)).toEqual(["faq", "notes"]);
  await createThrough(testDatabase.database, view, at("more", database));
  expect(await namesIn(view, database)).toEqual(["faq", "more", "notes"]);
});

test("a migrated collection that was renamed in Cairn keeps its name for clients, and a deleted one is gone", async () => {
  const database = await migrate(["tenant_zeta_faq", "tenant_zeta_old"]);
  const { id: tenantId } = await getTenant(testDatabase.database, "zeta");
  await changeCollection(testDatabase.database, tenantId, "faq", { name: "questions" });
  await deleteCollection(testDatabase.database, tenantId, "old");
  const view = await openView({});
  expect(await view.findCollection(at("tenant_zeta_faq", database))).toMatchObject({ tenantId });
  expect(await namesIn(view, database)).toEqual(["tenant_zeta_faq"]);
  expect(await view.findCollection(at("tenant_zeta_old", database))).toBeUndefined();
  await view.deleteDatabase({ tenant: "default_tenant", database });
  expect(await view.getDatabase({ tenant: "default_tenant", database })).toBeUndefined();
  expect(await namesIn(view, database)).toBeUndefined();
});
