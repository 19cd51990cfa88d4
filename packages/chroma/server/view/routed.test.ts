import { listCollections } from "@cairn/core/collection/get.ts";
import { changeTenant, getTenant } from "@cairn/core/tenant/tenant.ts";
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

test("the default tenant and database always exist; others exist when they were created, each once", async () => {
  const { view } = await createNamespace();
  expect(await view.identity()).toEqual({ tenant: "default_tenant", databases: ["default_database"] });
  expect(await view.getTenant("default_tenant")).toEqual({ name: "default_tenant", resourceName: null });
  expect(await view.getDatabase(DEFAULT)).toMatchObject({ name: "default_database", tenant: "default_tenant" });
  expect(await view.createTenant("default_tenant")).toBe(false);
  expect(await view.createDatabase(DEFAULT)).toBe(false);

  expect(await view.getTenant("acme")).toBeUndefined();
  expect(await view.setResourceName("acme", "r")).toBe(false);
  expect([await view.createTenant("acme"), await view.createTenant("acme")]).toEqual([true, false]);
  expect(await view.setResourceName("acme", "r")).toBe(true);
  expect(await view.getTenant("acme")).toEqual({ name: "acme", resourceName: "r" });
  const main = { tenant: "acme", database: "main" };
  expect(await view.getDatabase({ tenant: "acme", database: "default_database" })).toBeUndefined();
  expect(await view.deleteDatabase(main)).toBe(false);
  expect([await view.createDatabase(main), await view.createDatabase(main)]).toEqual([true, false]);
  expect(await view.getDatabase(main)).toEqual({ id: expect.any(String), name: "main", tenant: "acme" });
});

test("a database can be created under a missing tenant, as in Chroma, and databases are listed in pages by name", async () => {
  const { view } = await createNamespace();
  for (const database of ["b", "a", "Z", "c"]) await view.createDatabase({ tenant: "nobody", database });
  expect(await view.getTenant("nobody")).toBeUndefined();
  const names = async (tenant: string, page = {}) => (await view.listDatabases(tenant, page)).map(({ name }) => name);
  expect(await names("nobody")).toEqual(["Z", "a", "b", "c"]);
  expect(await names("nobody", { limit: 2, offset: 1 })).toEqual(["a", "b"]);
  await view.createDatabase({ tenant: "default_tenant", database: "extra" });
  expect(await names("default_tenant")).toEqual(["default_database", "extra"]);
  expect(await names("missing")).toEqual([]);
});

test("creating a collection creates its tenant, and a database lists the collections of all tenants by their own names", async () => {
  const { view } = await createNamespace();
  const [a, b] = [HEX(), HEX()];
  const first = await create(view, at(`tenant_${a}_knowledge`));
  const second = await create(view, at(`tenant_${b}_knowledge`));
  expect(first.tenantId.replaceAll("-", "")).toBe(a);
  expect(second.tenantId.replaceAll("-", "")).toBe(b);
  expect((await listCollections(testDatabase.database, first.tenantId)).map(({ name }) => name)).toEqual(["knowledge"]);
  expect(await namesIn(view)).toEqual([first.name, second.name].sort());
  expect(await view.findCollection(at(first.name))).toEqual(first);
  expect(await view.findCollectionById(DEFAULT, second.collectionId)).toEqual(second);
  expect(await view.findCollectionById(DEFAULT, second.collectionId.toUpperCase())).toEqual(second);
  expect(await view.findCollectionById(DEFAULT, first.name)).toBeUndefined();
  expect(await namesIn(view, "missing")).toBeUndefined();
  expect(await view.placeCollection(at(`tenant_${a}_faq`, "missing"))).toBeUndefined();
});

test("a collection is found by id only under its own database, in every process", async () => {
  const namespace = await createNamespace({ patterns: ["*/{tenant}/{collection}"] });
  const { view } = namespace;
  for (const database of ["acme", "globex"]) await view.createDatabase({ tenant: "default_tenant", database });
  const { collectionId } = await create(view, at("faq", "acme"));
  for (const one of [view, namespace.fresh()]) {
    expect(await one.findCollectionById({ tenant: "default_tenant", database: "acme" }, collectionId)).toBeDefined();
    for (const [tenant, database] of [
      ["default_tenant", "globex"],
      ["default_tenant", "default_database"],
      ["acme", "acme"],
      ["nobody", "nowhere"],
    ] as const)
      expect(await one.findCollectionById({ tenant, database }, collectionId)).toBeUndefined();
  }
});

test("a collection that was found by its id once costs no round trip", async () => {
  const namespace = await createNamespace();
  const { collectionId } = await create(namespace.view, at(`tenant_${HEX()}_faq`));
  let transactions = 0;
  const { database } = testDatabase;
  const view = namespace.fresh({
    ...database,
    transaction: (work, settings) => {
      transactions++;
      return database.transaction(work, settings);
    },
  });
  expect(await view.findCollectionById(DEFAULT, collectionId)).toBeDefined();
  const before = transactions;
  expect(before).toBeGreaterThan(0);
  expect(await view.findCollectionById(DEFAULT, collectionId)).toBeDefined();
  expect(transactions).toBe(before);
});

test("a name that can be split in two ways, or that matches nothing, is refused and creates no tenant", async () => {
  const { view } = await createNamespace();
  for (const name of ["tenant_initech_corp_docs", "notes"]) {
    await expect(view.placeCollection(at(name))).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringContaining("tenant_{tenant}_{collection}"),
    });
    expect(await view.findCollection(at(name))).toBeUndefined();
  }
  for (const name of ["initech", "initech_corp"])
    await expect(getTenant(testDatabase.database, name)).rejects.toMatchObject({ code: "not_found" });
});

test("mapped names go to their tenants, and all others to the fallback under their own names", async () => {
  const { view } = await createNamespace({
    mapping: { shared: { tenant: "mapped", collection: "faq" } },
    fallback: "misc",
  });
  const { database } = testDatabase;
  await create(view, at("shared"));
  await create(view, at("notes"));
  const collectionsOf = async (name: string) =>
    (await listCollections(database, (await getTenant(database, name)).id)).map((collection) => collection.name);
  expect(await collectionsOf("mapped")).toEqual(["faq"]);
  expect(await collectionsOf("misc")).toEqual(["notes"]);
  expect(await namesIn(view)).toEqual(["notes", "shared"]);
});

test("of two names for the same collection the first one has it, and the second one cannot be created", async () => {
  const { view } = await createNamespace({
    mapping: { one: { tenant: "same", collection: "faq" }, two: { tenant: "same", collection: "faq" } },
  });
  const route = await create(view, at("one"));
  expect(await view.findCollection(at("two"))).toBeUndefined();
  await expect(view.placeCollection(at("two"))).rejects.toMatchObject({
    code: "already_exists",
    message: expect.stringContaining("default_tenant/default_database/one"),
  });
  expect(await view.placeCollection(at("one"))).toEqual({ tenantId: route.tenantId, name: "faq" });
  expect(await namesIn(view)).toEqual(["one"]);
});

test("the collections of a disabled tenant are not listed, and every other access to them is refused", async () => {
  const { view, fresh } = await createNamespace();
  const { database } = testDatabase;
  const path = at("tenant_disabled_faq");
  const { tenantId, collectionId } = await create(view, path);
  await changeTenant(database, tenantId, { disabled: true });
  const other = fresh();
  const refused = { code: "forbidden", message: "The tenant of the collection is disabled." };
  expect(await namesIn(other)).toEqual([]);
  await expect(other.findCollection(path)).rejects.toMatchObject(refused);
  await expect(other.findCollectionById(DEFAULT, collectionId)).rejects.toMatchObject(refused);
  await expect(other.placeCollection(at("tenant_disabled_more"))).rejects.toMatchObject(refused);
  await expect(other.deleteDatabase(DEFAULT)).rejects.toMatchObject(refused);
  await expect(other.reset()).rejects.toMatchObject(refused);
  await changeTenant(database, tenantId, { disabled: false });
  expect(await namesIn(other)).toEqual([path.name]);
});

test("a key that can only read changes nothing", async () => {
  const { view, reader } = await createNamespace();
  const path = at(`tenant_${HEX()}_faq`);
  const route = await create(view, path);
  const writes: Readonly<Record<string, () => Promise<unknown>>> = {
    createTenant: () => reader.createTenant("acme"),
    setResourceName: () => reader.setResourceName("default_tenant", "r"),
    createDatabase: () => reader.createDatabase({ tenant: "acme", database: "main" }),
    deleteDatabase: () => reader.deleteDatabase(DEFAULT),
    placeCollection: () => reader.placeCollection(at(`tenant_${HEX()}_faq`)),
    renamedTo: () => reader.renamedTo(route, path),
    register: () => reader.register(DEFAULT, route),
    unregister: () => reader.unregister(DEFAULT, route),
    reset: () => reader.reset(),
  };
  for (const [name, write] of Object.entries(writes))
    await expect(write(), name).rejects.toMatchObject({ code: "forbidden", message: expect.stringContaining("write") });
  expect(await reader.findCollection(path)).toEqual(route);
  expect(await namesIn(reader)).toEqual([path.name]);
});
