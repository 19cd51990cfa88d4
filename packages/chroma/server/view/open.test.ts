import { createCollection } from "@cairn/core/collection/create.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import { expect, test } from "vitest";
import { useTestDatabase } from "../../../../test/support/fixture.ts";
import { at, createThrough, namesIn } from "../../../../test/support/routed-view.ts";
import { addNamespace, addNamespaceKey } from "../../namespace/manage.ts";
import { createOpenPrincipal } from "./open.ts";
import { createRoutedViews } from "./routed.ts";
import type { ChromaView } from "./view.ts";

const testDatabase = useTestDatabase();

/** The view of requests without a credential, in a process of its own. */
async function openView(): Promise<ChromaView> {
  const { database } = testDatabase;
  const { namespace, scopes } = await createOpenPrincipal(database)();
  if (!namespace) throw new Error("The principal has no namespace.");
  return createRoutedViews()({ database, namespace, scopes });
}

const DEFAULT = { tenant: "default_tenant", database: "default_database" };

test("without a credential every name can be created, and each database is a tenant of its own", async () => {
  const { database } = testDatabase;
  const view = await openView();
  const route = await createThrough(database, view, at("my notes? any name"));
  expect(route.tenantId).toBe((await getTenant(database, "development")).id);
  await view.createTenant("acme");
  await view.createDatabase({ tenant: "acme", database: "main" });
  const other = await createThrough(database, view, at("faq", "main", "acme"));
  expect(other.tenantId).toBe((await getTenant(database, "acme/main")).id);
  expect(await namesIn(view)).toEqual(["my notes? any name"]);
  expect(await namesIn(view, "main", "acme")).toEqual(["faq"]);
  expect(await view.findCollectionById(DEFAULT, other.collectionId)).toBeUndefined();
  // Another process finds the same.
  const again = await openView();
  expect(await again.findCollection(at("faq", "main", "acme"))).toEqual(other);
  await again.reset();
  expect(await namesIn(view)).toEqual([]);
  expect(await view.getTenant("acme")).toBeUndefined();
});

test("the default database lists what was written to the tenant development by its own key", async () => {
  const { database } = testDatabase;
  const view = await openView();
  await createThrough(database, view, at("first"));
  const { id } = await getTenant(database, "development");
  await createCollection(database, id, { name: "second", embeddingModel: null });
  expect(await namesIn(view)).toEqual(["first", "second"]);
});

test("the namespace of requests without a credential has no keys and cannot be created", async () => {
  const { database } = testDatabase;
  await openView();
  const refused = { code: "invalid_input", message: expect.stringContaining("reserved") };
  await expect(addNamespaceKey(database, "open", {})).rejects.toMatchObject(refused);
  await expect(addNamespace(database, { name: "open", settings: {} })).rejects.toMatchObject(refused);
});
