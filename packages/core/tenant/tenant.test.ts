import { eq } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { listCollections } from "../collection/get.ts";
import { tenants } from "../database/schema.ts";
import { asAdmin } from "../database/transaction.ts";
import { changeTenant, createTenant, deleteTenant, ensureTenant, getTenant, listTenants } from "./tenant.ts";

const own = useTestDatabase();

test("a tenant is found by its id, in upper or lower case, and by its name", async () => {
  const id = "ABCDEF01-2345-6789-ABCD-EF0123456789";
  const created = await createTenant(own.database, { id, name: "Acme" });
  expect(created).toMatchObject({ id: id.toLowerCase(), name: "Acme" });
  for (const key of [id, id.toLowerCase(), "Acme"]) expect(await getTenant(own.database, key)).toEqual(created);
  await expect(getTenant(own.database, "acme")).rejects.toMatchObject({ code: "not_found" });
});

test("an id is the same in any notation, in getTenant(), createTenant() and ensureTenant()", async () => {
  const id = "abcdef01-2345-6789-abcd-00000000cafe";
  const notations = [id, id.replaceAll("-", ""), id.replaceAll("-", "_"), `{${id.toUpperCase()}}`, `urn:uuid:${id}`];
  const created = await createTenant(own.database, { id: notations[1], name: "Cafe" });
  expect(created.id).toBe(id);
  for (const notation of notations) {
    expect(await getTenant(own.database, notation)).toEqual(created);
    expect(await ensureTenant(own.database, notation)).toEqual(created);
    await expect(createTenant(own.database, { id: notation })).rejects.toMatchObject({
      code: "already_exists",
    });
  }
  const other = id.replace("cafe", "beef");
  expect(await ensureTenant(own.database, `{${other}}`)).toMatchObject({ id: other, name: other });
});

test("a tenant without a name has its id as name", async () => {
  const { id, name } = await createTenant(own.database);
  expect(name).toBe(id);
});

test("a taken name or id is refused, and nothing changes", async () => {
  const { id } = await createTenant(own.database, { name: "taken" });
  const refusal = (taken: string, alternative: string) =>
    `The tenant cannot be created: ${taken} is already taken. Choose ${alternative}, or use the existing tenant.`;
  for (const [tenant, message] of [
    [{ name: "taken" }, refusal('the name "taken"', "another name")],
    [{ id, name: "free" }, refusal(`the name "free" or the id ${id}`, "another name")],
    [{ id }, refusal(`the id ${id}`, "another id")],
  ] as const)
    await expect(createTenant(own.database, tenant)).rejects.toMatchObject({
      code: "already_exists",
      message,
    });
  expect((await getTenant(own.database, "taken")).id).toBe(id);
});

test.each(["", "a\0b", "tab\t", "\uD800", "x".repeat(513)])(
  "the name %j is refused, and finds no tenant",
  async (name) => {
    const fault = { code: "invalid_input", path: "name" };
    await expect(createTenant(own.database, { name })).rejects.toMatchObject(fault);
    await expect(ensureTenant(own.database, name)).rejects.toMatchObject(fault);
    await expect(getTenant(own.database, name)).rejects.toMatchObject({ code: "not_found" });
  },
);

test("an id that is not a UUID is refused", async () => {
  await expect(createTenant(own.database, { id: "acme" })).rejects.toMatchObject({
    code: "invalid_input",
    path: "id",
  });
});

test("concurrent calls of ensureTenant() create one tenant", async () => {
  const ensured = await Promise.all(Array.from({ length: 8 }, () => ensureTenant(own.database, "once")));
  expect(new Set(ensured.map(({ id }) => id)).size).toBe(1);
  const uuid = "11111111-2222-3333-4444-55555555aaaa";
  expect(await ensureTenant(own.database, uuid.toUpperCase())).toMatchObject({ id: uuid });
  expect(await ensureTenant(own.database, uuid)).toMatchObject({ id: uuid });
});

test("a tenant's id takes precedence over another tenant with that id as its name, which an earlier version allowed", async () => {
  const tenant = await createTenant(own.database, { name: "wanted" });
  const other = await createTenant(own.database, { name: "other" });
  await asAdmin(own.database, ({ orm }) =>
    orm.update(tenants).set({ name: tenant.id }).where(eq(tenants.id, other.id)),
  );
  expect((await getTenant(own.database, tenant.id)).id).toBe(tenant.id);
});

test("the id of a tenant cannot become the name of another, nor the name of one the id of another", async () => {
  const { id } = await createTenant(own.database, { name: "first" });
  const nameTaken = { code: "already_exists", path: "name" };
  for (const name of [id, id.toUpperCase(), `{${id}}`, id.replaceAll("-", "")]) {
    await expect(createTenant(own.database, { name })).rejects.toMatchObject(nameTaken);
    const { id: second } = await createTenant(own.database);
    await expect(changeTenant(own.database, second, { name })).rejects.toMatchObject(nameTaken);
  }
  const free = crypto.randomUUID();
  await createTenant(own.database, { name: free });
  await expect(createTenant(own.database, { id: free, name: "other id" })).rejects.toMatchObject({
    code: "already_exists",
    path: "id",
  });
  const ownId = crypto.randomUUID();
  expect(await createTenant(own.database, { id: ownId, name: ownId })).toMatchObject({ name: ownId });
});

test("deleting a tenant deletes its data and leaves other tenants unchanged", async () => {
  const created = await Promise.all(["gone", "stays"].map((name) => createTenant(own.database, { name })));
  for (const { id } of created) await createCollection(own.database, id, { embeddingModel: null });
  await deleteTenant(own.database, "gone");
  await expect(deleteTenant(own.database, "gone")).rejects.toMatchObject({ code: "not_found" });
  const names = (await listTenants(own.database)).map(({ name }) => name);
  expect(names).toContain("stays");
  expect(names).not.toContain("gone");
  expect(names).toEqual(names.toSorted());
  expect(await listCollections(own.database, created[0]?.id as string)).toEqual([]);
  expect(await listCollections(own.database, created[1]?.id as string)).toHaveLength(1);
});
