import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { asAdmin, asTenant } from "../database/transaction.ts";
import { createApiKey, listApiKeys, revokeApiKey, rotateApiKey } from "./api-key.ts";
import { authenticateKey } from "./authenticate-key.ts";
import { createNamespace, deleteNamespace, ensureNamespace, getNamespace, listNamespaces } from "./namespace.ts";
import { createSecret, hashSecret, keyKind } from "./secret.ts";

const testDatabase = useTestDatabase();
const tenantId = useTenant(testDatabase);
const settings = { patterns: ["kb-{tenant}"], large: 9_007_199_254_740_993n, odd: "a\0b" };

const create = (name: string) => createNamespace(testDatabase.database, { name, settings });

test("a namespace is found by name and id, with its settings unchanged, and its name is unique", async () => {
  const { database } = testDatabase;
  const created = await create("shop");
  expect(created.settings).toEqual(settings);
  for (const found of ["shop", created.id, created.id.replaceAll("-", "").toUpperCase()])
    expect(await getNamespace(database, found)).toEqual(created);
  expect(await listNamespaces(database)).toContainEqual(created);
  expect(await ensureNamespace(database, { name: "shop", settings: {} })).toEqual(created);
  await expect(create("shop")).rejects.toMatchObject({ code: "already_exists", path: "name" });
  for (const name of ["", "a\nb", "x".repeat(201), crypto.randomUUID()])
    await expect(create(name), name).rejects.toMatchObject({ code: "invalid_input", path: "name" });
  for (const missing of ["nothing", "a\0", crypto.randomUUID()])
    await expect(getNamespace(database, missing)).rejects.toMatchObject({ code: "not_found" });
});

test("two processes that ensure a namespace get the same one", async () => {
  const ensure = () => ensureNamespace(testDatabase.database, { name: "ensured", settings });
  const [first, ...others] = await Promise.all([ensure(), ensure(), ensure()]);
  for (const other of others) expect(other.id).toBe(first?.id);
});

test("a namespace's key has a prefix of its own, names its namespace, and can only read and write", async () => {
  const { database } = testDatabase;
  const { id, name } = await create("keyed");
  const { key, secret } = await createApiKey(database, { namespaceId: id });
  expect(secret).toMatch(/^cairn_ns_[\w-]{43}$/);
  expect(secret).not.toMatch(/^cairn_[\w-]{43}$/); // the format that services of earlier versions accept
  expect(key).toMatchObject({ tenantId: null, namespaceId: id, scopes: ["read", "write"] });
  expect(await authenticateKey(database, secret)).toMatchObject({
    tenantId: null,
    namespace: { id, name, settings },
    scopes: ["read", "write"],
  });
  await expect(createApiKey(database, { namespaceId: id }, { scopes: ["admin"] })).rejects.toMatchObject({
    code: "invalid_input",
    path: "scopes",
  });
  await expect(createApiKey(database, { namespaceId: crypto.randomUUID() })).rejects.toMatchObject({
    code: "not_found",
  });
});

test("a namespace's keys are neither the operator's nor a tenant's nor another namespace's", async () => {
  const { database } = testDatabase;
  const [{ id: namespaceId }, other] = [await create("mine"), await create("other")];
  const { key, secret } = await createApiKey(database, { namespaceId }, { name: "of the namespace" });
  const own = await createApiKey(database, null);
  for (const owner of [null, tenantId, { namespaceId: other.id }]) {
    expect((await listApiKeys(database, owner)).map(({ id }) => id)).not.toContain(key.id);
    await expect(revokeApiKey(database, owner, key.id)).rejects.toMatchObject({ code: "not_found" });
    await expect(rotateApiKey(database, owner, key.id)).rejects.toMatchObject({ code: "not_found" });
  }
  await expect(revokeApiKey(database, { namespaceId }, own.key.id)).rejects.toMatchObject({ code: "not_found" });
  expect((await listApiKeys(database, { namespaceId })).map(({ id }) => id)).toEqual([key.id]);
  expect(await authenticateKey(database, secret)).toBeDefined();
  const rotated = await rotateApiKey(database, { namespaceId }, key.id, { grace: 0 });
  expect(rotated.secret).toMatch(/^cairn_ns_/);
  expect(await authenticateKey(database, secret)).toBeUndefined();
  expect(await authenticateKey(database, rotated.secret)).toMatchObject({ namespace: { id: namespaceId } });
  await revokeApiKey(database, { namespaceId }, rotated.key.id);
  expect(await authenticateKey(database, rotated.secret)).toBeUndefined();
});

test("deleting a namespace deletes its keys", async () => {
  const { database } = testDatabase;
  const { id: namespaceId, name } = await create("deleted");
  const { secret } = await createApiKey(database, { namespaceId });
  await deleteNamespace(database, name);
  expect(await authenticateKey(database, secret)).toBeUndefined();
  await expect(deleteNamespace(database, name)).rejects.toMatchObject({ code: "not_found" });
});

test("a key whose format does not fit its row is refused, so that no key of a namespace counts as the operator's", async () => {
  const { database } = testDatabase;
  const { id } = await create("planted");
  const plant = (secret: string, namespaceId: string | null) =>
    asAdmin(database, ({ orm }) =>
      orm.execute(sql`
        INSERT INTO cairn.api_keys (namespace_id, secret_hash, hint, scopes)
        VALUES (${namespaceId}::uuid, ${hashSecret(secret)}, '', '{read}')`),
    );
  const [namespaced, plain] = [createSecret("namespace"), createSecret("plain")];
  await plant(namespaced, null);
  await plant(plain, id);
  for (const secret of [namespaced, plain]) expect(await authenticateKey(database, secret)).toBeUndefined();
});

test("the format of a key tells its kind", () => {
  for (let n = 0; n < 200; n++) {
    expect(keyKind(createSecret("plain"))).toBe("plain");
    expect(keyKind(createSecret("namespace"))).toBe("namespace");
  }
  const secret = createSecret("namespace");
  for (const text of [`${secret}A`, secret.slice(0, -1), secret.replace("ns_", ""), secret.replace("ns_", "xx_")])
    expect(keyKind(text), text).toBe(text.length === 49 ? "plain" : undefined);
});

test("Postgres refuses a key with both owners, and a namespace's key with the scope admin", async () => {
  const { database } = testDatabase;
  const { id } = await create("both");
  const insert = (values: { readonly tenant?: string; readonly scopes?: string }) => sql`
    INSERT INTO cairn.api_keys (tenant_id, namespace_id, secret_hash, hint, scopes)
    VALUES (${values.tenant ?? null}::uuid, ${id}::uuid, '\\x01', '', ${values.scopes ?? "{read}"}::text[])`;
  await expect(
    asTenant(database, tenantId, ({ orm }) => orm.execute(insert({ tenant: tenantId }))),
  ).rejects.toMatchObject({ cause: { sqlstate: "23514" } });
  await expect(asAdmin(database, ({ orm }) => orm.execute(insert({ scopes: "{read,admin}" })))).rejects.toMatchObject({
    cause: { sqlstate: "23514" },
  });
});
