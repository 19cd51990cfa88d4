import { changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { createCollection } from "@cairn/core/collection/create.ts";
import { listCollections } from "@cairn/core/collection/get.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTestDatabase } from "../../../../test/support/fixture.ts";
import { at, createTestNamespace, createThrough, namesIn } from "../../../../test/support/routed-view.ts";
import type { ChromaView } from "./view.ts";

const testDatabase = useTestDatabase();
const HEX = () => crypto.randomUUID().replaceAll("-", "");
const DEFAULT = { tenant: "default_tenant", database: "default_database" };

const createNamespace = (settings: Parameters<typeof createTestNamespace>[1] = {}) =>
  createTestNamespace(testDatabase.database, settings);
const create = (view: ChromaView, path: ReturnType<typeof at>) => createThrough(testDatabase.database, view, path);

test("a renamed collection stays with its tenant and is found under its new name only", async () => {
  const { view, fresh } = await createNamespace();
  const [a, b] = [HEX(), HEX()];
  const route = await create(view, at(`tenant_${a}_faq`));
  const name = await view.renamedTo(route, at(`tenant_${a}_questions`));
  expect(name).toBe("questions");
  for (const other of [`tenant_${b}_faq`, "questions"])
    await expect(view.renamedTo(route, at(other))).rejects.toMatchObject({ code: "invalid_input" });
  await changeCollection(testDatabase.database, route.tenantId, route.collectionId, { name });
  await view.register(DEFAULT, { ...route, name: `tenant_${a}_questions` });
  expect(await view.findCollection(at(`tenant_${a}_faq`))).toBeUndefined();
  for (const one of [view, fresh()]) {
    expect(await namesIn(one)).toEqual([`tenant_${a}_questions`]);
    expect(await one.findCollectionById(DEFAULT, route.collectionId)).toMatchObject({ name: `tenant_${a}_questions` });
  }
});

test("a name stays with its collection, also if the tenant renamed that one", async () => {
  const { view } = await createNamespace();
  const a = HEX();
  const first = await create(view, at(`tenant_${a}_faq`));
  const second = await create(view, at(`tenant_${a}_notes`));
  await changeCollection(testDatabase.database, first.tenantId, first.collectionId, { name: "questions" });
  const taken = { code: "already_exists" };
  await expect(view.renamedTo(second, at(first.name))).rejects.toMatchObject(taken);
  await expect(view.register(DEFAULT, { ...second, name: first.name })).rejects.toMatchObject(taken);
  expect(await view.findCollection(at(first.name))).toEqual(first);
  expect(await view.findCollection(at(second.name))).toEqual(second);
});

test("a collection that its tenant created is found by its name, and listed from then on", async () => {
  const { view } = await createNamespace();
  const { database } = testDatabase;
  const { id: tenantId } = await createTenant(database, { name: "native" });
  const { id } = await createCollection(database, tenantId, { name: "faq", embeddingModel: null });
  expect(await namesIn(view)).toEqual([]);
  const name = "tenant_native_faq";
  expect(await view.findCollection(at(name))).toEqual({ name, tenantId, collectionId: id });
  expect(await namesIn(view)).toEqual([name]);
});

test("a collection that its tenant deleted is neither listed nor found, and can be created again", async () => {
  const { view } = await createNamespace();
  const path = at(`tenant_${HEX()}_faq`);
  const route = await create(view, path);
  await deleteCollection(testDatabase.database, route.tenantId, route.collectionId);
  expect(await namesIn(view)).toEqual([]);
  expect(await view.findCollection(path)).toBeUndefined();
  const again = await create(view, path);
  expect(again.collectionId).not.toBe(route.collectionId);
  expect(await view.findCollection(path)).toEqual(again);
});

test("a collection keeps its id when its model changes", async () => {
  const { view } = await createNamespace();
  const path = at(`tenant_${HEX()}_faq`);
  const route = await create(view, path);
  const { tenantId, collectionId } = route;
  // What a change of model leaves behind, without its embeddings.
  await asTenant(testDatabase.database, tenantId, async ({ orm }) => {
    const replacement = crypto.randomUUID();
    await orm.execute(sql`UPDATE cairn.collections SET name = 'faq (old)', replaced_by = ${replacement}::uuid`);
    await orm.execute(sql`
      INSERT INTO cairn.collections (tenant_id, id, name, metric, metadata, lineage)
      VALUES (${tenantId}::uuid, ${replacement}::uuid, 'faq', 'cosine', '{}', ${collectionId}::uuid)`);
  });
  expect(await view.findCollection(path)).toEqual(route);
  expect(await view.listCollections(DEFAULT)).toEqual([route]);
  await view.deleteDatabase(DEFAULT);
  expect(await listCollections(testDatabase.database, tenantId)).toEqual([]);
});

test("deleting a database deletes its collections, and nothing else", async () => {
  const { view } = await createNamespace({ patterns: ["*/*/{tenant}.{collection}"] });
  const main = { tenant: "default_tenant", database: "main" };
  await view.createDatabase(main);
  const deleted = await create(view, at("one.faq", "main"));
  const kept = await create(view, at("one.notes"));
  expect(await view.deleteDatabase(main)).toBe(true);
  expect(await view.getDatabase(main)).toBeUndefined();
  expect(await view.findCollectionById(main, deleted.collectionId)).toBeUndefined();
  expect((await listCollections(testDatabase.database, kept.tenantId)).map(({ name }) => name)).toEqual(["notes"]);
  expect(await namesIn(view)).toEqual(["one.notes"]);
});

test("a reset deletes what the namespace has, and neither its tenants nor their other collections", async () => {
  const { view } = await createNamespace();
  await view.createTenant("acme");
  await view.createDatabase({ tenant: "acme", database: "main" });
  const { tenantId } = await create(view, at("tenant_reset_faq"));
  await createCollection(testDatabase.database, tenantId, { name: "other", embeddingModel: null });
  await view.reset();
  expect(await namesIn(view)).toEqual([]);
  expect(await view.getTenant("acme")).toBeUndefined();
  expect(await view.listDatabases("acme", {})).toEqual([]);
  expect((await listCollections(testDatabase.database, tenantId)).map(({ name }) => name)).toEqual(["other"]);
});
