import { listCollections } from "@cairn/core/collection/get.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import { expect, test } from "vitest";
import { useTestDatabase } from "../../../../test/support/fixture.ts";
import { at, createTestNamespace, createThrough, namesIn } from "../../../../test/support/routed-view.ts";

const testDatabase = useTestDatabase();
const DEFAULT = { tenant: "default_tenant", database: "default_database" };

test("a namespace sees nothing of another namespace, by no method and by no name or id", async () => {
  const { database } = testDatabase;
  const a = await createTestNamespace(database, { patterns: ["a-{tenant}-{collection}"] });
  const b = await createTestNamespace(database, { patterns: ["b-{tenant}-{collection}"] });
  await a.view.createTenant("chroma-tenant");
  const main = { tenant: "chroma-tenant", database: "main" };
  await a.view.createDatabase(main);
  const route = await createThrough(database, a.view, at("a-alpha-faq"));
  const { view } = b;
  expect(await view.getTenant("chroma-tenant")).toBeUndefined();
  expect(await view.setResourceName("chroma-tenant", "mine")).toBe(false);
  expect(await view.getDatabase(main)).toBeUndefined();
  expect(await view.listDatabases("chroma-tenant", {})).toEqual([]);
  expect(await view.deleteDatabase(main)).toBe(false);
  expect(await view.listCollections(main)).toBeUndefined();
  expect(await namesIn(view)).toEqual([]);
  expect(await view.findCollection(at("a-alpha-faq"))).toBeUndefined();
  expect(await view.findCollectionById(DEFAULT, route.collectionId)).toBeUndefined();
  await expect(view.placeCollection(at("a-alpha-faq"))).rejects.toMatchObject({ code: "invalid_input" });
  await expect(view.renamedTo(route, at("b-beta-faq"))).rejects.toMatchObject({ code: "invalid_input" });
  await view.unregister(DEFAULT, route);
  await view.deleteDatabase(DEFAULT);
  await view.reset();
  // Nothing of it had an effect.
  expect(await a.view.getTenant("chroma-tenant")).toEqual({ name: "chroma-tenant", resourceName: null });
  expect(await a.view.getDatabase(main)).toBeDefined();
  expect(await a.view.findCollection(at("a-alpha-faq"))).toEqual(route);
  expect(await a.fresh().findCollectionById(DEFAULT, route.collectionId)).toEqual(route);
  expect(await listCollections(database, route.tenantId)).toHaveLength(1);
});

test("two namespaces with the same pattern share a tenant's collections, each under its own names", async () => {
  const { database } = testDatabase;
  const [one, two] = [await createTestNamespace(database, {}), await createTestNamespace(database, {})];
  const route = await createThrough(database, one.view, at("tenant_shared_faq"));
  expect(await namesIn(two.view)).toEqual([]);
  expect(await two.view.findCollection(at("tenant_shared_faq"))).toEqual(route);
  await two.view.unregister(DEFAULT, route);
  expect(await namesIn(one.view)).toEqual(["tenant_shared_faq"]);
});

test("no name reaches a tenant or a collection by an id of another one", async () => {
  const { database } = testDatabase;
  const { view } = await createTestNamespace(database, { patterns: ["kb.{tenant}.{collection}"] });
  const victim = await createThrough(database, view, at("kb.victim.secret"));
  await createThrough(database, view, at("kb.other.faq"));
  const other = await getTenant(database, "other");
  // The collection's id as its name, in the tenant of the victim and in another one.
  for (const tenant of ["victim", "other", other.id])
    expect(await view.findCollection(at(`kb.${tenant}.${victim.collectionId}`))).toBeUndefined();
});
