import { eq } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { createCollection } from "../collection/create.ts";
import { listCollections } from "../collection/get.ts";
import { tenants } from "../database/schema.ts";
import { asAdmin } from "../database/transaction.ts";
import { changeTenant, createTenant, deleteTenant, ensureTenant, getTenant, listTenants } from "./tenant.ts";

let own: TestDatabase;
beforeAll(async () => {
  own = await createTestDatabase();
});
afterAll(() => own?.drop());

test("a tenant is found by its id, in either case, and by its name", async () => {
  const id = "ABCDEF01-2345-6789-ABCD-EF0123456789";
  const made = await createTenant(own.database, { id, name: "Acme" });
  expect(made).toMatchObject({ id: id.toLowerCase(), name: "Acme" });
  for (const key of [id, id.toLowerCase(), "Acme"]) expect(await getTenant(own.database, key)).toEqual(made);
  await expect(getTenant(own.database, "acme")).rejects.toMatchObject({ code: "not_found" });
});

test("an id is the same in any notation, to find a tenant, to make one and to name one that is missing", async () => {
  const id = "abcdef01-2345-6789-abcd-00000000cafe";
  const notations = [
    id,
    id.replaceAll("-", ""),
    id.replaceAll("-", "_"),
    `{${id.toUpperCase()}}`,
    `urn:uuid:${id}`,
  ];
  const made = await createTenant(own.database, { id: notations[1], name: "Cafe" });
  expect(made.id).toBe(id);
  for (const notation of notations) {
    expect(await getTenant(own.database, notation)).toEqual(made);
    expect(await ensureTenant(own.database, notation)).toEqual(made);
    await expect(createTenant(own.database, { id: notation })).rejects.toMatchObject({
      code: "already_exists",
    });
  }
  const other = id.replace("cafe", "beef");
  expect(await ensureTenant(own.database, `{${other}}`)).toMatchObject({ id: other, name: other });
});

test("a tenant without a name is called by its id", async () => {
  const { id, name } = await createTenant(own.database);
  expect(name).toBe(id);
});

test("a taken name or id is refused, and nothing changes", async () => {
  const { id } = await createTenant(own.database, { name: "taken" });
  const says = (what: string) => `There is a tenant ${what}`;
  const another = "Choose another name, or use it as it is.";
  for (const [tenant, message] of [
    [{ name: "taken" }, says(`"taken" already. ${another}`)],
    [{ id, name: "free" }, says(`"free" already, or one with the id ${id}. ${another}`)],
    [{ id }, says(`already with the id ${id}. Choose another id, or use it as it is.`)],
  ] as const)
    await expect(createTenant(own.database, tenant)).rejects.toMatchObject({
      code: "already_exists",
      message,
    });
  expect((await getTenant(own.database, "taken")).id).toBe(id);
});

test.each(["", "a\0b", "tab\t", "\uD800", "x".repeat(513)])(
  "a name %j is refused, and nobody is found by it",
  async (name) => {
    const fault = { code: "invalid_input", path: "name" };
    await expect(createTenant(own.database, { name })).rejects.toMatchObject(fault);
    await expect(ensureTenant(own.database, name)).rejects.toMatchObject(fault);
    await expect(getTenant(own.database, name)).rejects.toMatchObject({ code: "not_found" });
  },
);

test("an id that is no UUID is refused", async () => {
  await expect(createTenant(own.database, { id: "acme" })).rejects.toMatchObject({
    code: "invalid_input",
    path: "id",
  });
});

test("ensureTenant() makes a tenant once, also when asked by several at the same moment", async () => {
  const made = await Promise.all(Array.from({ length: 8 }, () => ensureTenant(own.database, "once")));
  expect(new Set(made.map(({ id }) => id)).size).toBe(1);
  const uuid = "11111111-2222-3333-4444-55555555aaaa";
  expect(await ensureTenant(own.database, uuid.toUpperCase())).toMatchObject({ id: uuid });
  expect(await ensureTenant(own.database, uuid)).toMatchObject({ id: uuid });
});

test("the id wins over another tenant that an earlier version let take it as its name", async () => {
  const wanted = await createTenant(own.database, { name: "wanted" });
  const other = await createTenant(own.database, { name: "other" });
  await asAdmin(own.database, ({ orm }) =>
    orm.update(tenants).set({ name: wanted.id }).where(eq(tenants.id, other.id)),
  );
  expect((await getTenant(own.database, wanted.id)).id).toBe(wanted.id);
});

test("a tenant cannot take the UUID of another tenant, present or future, as its name, in any notation", async () => {
  const { id } = await createTenant(own.database, { name: "first" });
  const refused = { code: "invalid_input", path: "name" };
  for (const name of [id, id.toUpperCase(), `{${id}}`, id.replaceAll("-", ""), crypto.randomUUID()]) {
    await expect(createTenant(own.database, { name })).rejects.toMatchObject(refused);
    const { id: second } = await createTenant(own.database);
    await expect(changeTenant(own.database, second, { name })).rejects.toMatchObject(refused);
  }
  const ownId = crypto.randomUUID();
  expect(await createTenant(own.database, { id: ownId, name: ownId })).toMatchObject({ name: ownId });
});

test("a deleted tenant is gone with all it had, by name or by id, and the others stay", async () => {
  const made = await Promise.all(["gone", "stays"].map((name) => createTenant(own.database, { name })));
  for (const { id } of made) await createCollection(own.database, id, { embeddingModel: null });
  await deleteTenant(own.database, "gone");
  await expect(deleteTenant(own.database, "gone")).rejects.toMatchObject({ code: "not_found" });
  const left = (await listTenants(own.database)).map(({ name }) => name);
  expect(left).toContain("stays");
  expect(left).not.toContain("gone");
  expect(left).toEqual(left.toSorted());
  expect(await listCollections(own.database, made[0]?.id as string)).toEqual([]);
  expect(await listCollections(own.database, made[1]?.id as string)).toHaveLength(1);
});
