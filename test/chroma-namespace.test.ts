import { addNamespace, addNamespaceKey } from "@cairn/chroma/namespace/manage.ts";
import { createOpenPrincipal } from "@cairn/chroma/server/view/open.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import { beforeAll, expect, test } from "vitest";
import { createTestApi, type TestApi, useTestApi } from "./support/api.ts";
import { cairnPeer, chromaOptions } from "./support/chroma-api.ts";
import { useTestDatabase } from "./support/fixture.ts";

// The key of a namespace through Chroma's API: one client, many tenants, the names of the application.

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => chromaOptions());
const BASE = "/api/v2/tenants/default_tenant/databases/default_database";
const [A, B] = ["6f1d2a84c0b94e5fa7d3318e5b2c9a10", "7f1d2a84c0b94e5fa7d3318e5b2c9a11"] as const;
let key: string;
let reader: string;
beforeAll(async () => {
  const { database } = testDatabase;
  await addNamespace(database, { name: "shop", settings: {} });
  key = (await addNamespaceKey(database, "shop", {})).secret;
  reader = (await addNamespaceKey(database, "shop", { scopes: ["read"] })).secret;
});

async function send(method: string, path: string, body?: unknown, { as = key, of = api as TestApi } = {}) {
  const { status, text } = await cairnPeer(of, as).request(method, path, body);
  return { status, body: text === "" ? undefined : JSON.parse(text) };
}

async function fill(name: string, id: string): Promise<string> {
  const { body } = await send("POST", `${BASE}/collections`, { name, get_or_create: true });
  const added = await send("POST", `${BASE}/collections/${body.id}/add`, { ids: [id], embeddings: [[1, 0]] });
  expect(added.status).toBe(201);
  return body.id;
}

const idsIn = async (collection: string) => (await send("POST", `${BASE}/collections/${collection}/get`, {})).body.ids;

test("one client writes to the collections of several tenants, and lists all of them", async () => {
  const [a, b] = [await fill(`tenant_${A}_knowledge`, "of a"), await fill(`tenant_${B}_knowledge`, "of b")];
  expect([await idsIn(a), await idsIn(b)]).toEqual([["of a"], ["of b"]]);
  const { body } = await send("GET", `${BASE}/collections`);
  expect(body.map(({ name }: { name: string }) => name).sort()).toEqual([
    `tenant_${A}_knowledge`,
    `tenant_${B}_knowledge`,
  ]);
  expect((await send("GET", `${BASE}/collections_count`)).body).toBe(2);
  // The same data in the native API, for the tenant that the header names.
  const documents = async (tenant: string) =>
    (await api.call("GET", "/v1/documents", { key, headers: { "Cairn-Tenant": tenant } })).body.documents;
  expect(await documents(A)).toMatchObject([{ id: "of a" }]);
  expect(await documents(B)).toMatchObject([{ id: "of b" }]);
});

test("names are refused that stand for no tenant, or for two", async () => {
  for (const name of ["notes", "tenant_acme_corp_docs"])
    expect(await send("POST", `${BASE}/collections`, { name })).toMatchObject({
      status: 400,
      body: { error: "InvalidArgumentError", message: expect.stringContaining("tenant_{tenant}_{collection}") },
    });
});

test("another path, another namespace and a tenant's key do not see a collection", async () => {
  const id = await fill(`tenant_${A}_secret`, "x");
  const { database } = testDatabase;
  await addNamespace(database, { name: "other", settings: { patterns: ["o-{tenant}"] } });
  const other = (await addNamespaceKey(database, "other", {})).secret;
  const tenant = await api.addTenant("ordinary");
  const missing = "00000000-1111-4222-8333-444444444444";
  for (const [as, base] of [
    [key, BASE.replace("default_database", "main")],
    [key, BASE.replace("default_tenant", "acme")],
    [other, BASE],
    [tenant.key, BASE],
  ] as const)
    for (const route of ["get", "add", "delete"]) {
      const ask = (collection: string) =>
        send("POST", `${base}/collections/${collection}/${route}`, { ids: ["y"], embeddings: [[0, 1]] }, { as });
      const [foreign, none] = [await ask(id), await ask(missing)];
      expect(foreign.status).toBe(404);
      expect(JSON.stringify(foreign.body).replaceAll(id, "<id>")).toBe(
        JSON.stringify(none.body).replaceAll(missing, "<id>"),
      );
    }
  expect(await idsIn(id)).toEqual(["x"]);
});

test("a collection is renamed within its tenant only, and deleted by its name", async () => {
  const id = await fill(`tenant_${A}_draft`, "x");
  const rename = (new_name: string) => send("PUT", `${BASE}/collections/${id}`, { new_name });
  expect((await rename(`tenant_${B}_draft`)).status).toBe(400);
  expect((await rename(`tenant_${A}_final`)).status).toBe(200);
  expect((await send("GET", `${BASE}/collections/tenant_${A}_draft`)).status).toBe(404);
  expect((await send("GET", `${BASE}/collections/tenant_${A}_final`)).body.id).toBe(id);
  expect((await send("DELETE", `${BASE}/collections/tenant_${A}_final`)).status).toBe(200);
  expect((await send("POST", `${BASE}/collections/${id}/get`, {})).status).toBe(404);
});

test("a key with the scope read cannot write, and an operator's key sees nothing", async () => {
  const id = await fill(`tenant_${A}_readonly`, "x");
  const add = { ids: ["y"], embeddings: [[0, 1]] };
  expect((await send("POST", `${BASE}/collections/${id}/get`, {}, { as: reader })).body.ids).toEqual(["x"]);
  expect((await send("POST", `${BASE}/collections/${id}/add`, add, { as: reader })).status).toBe(403);
  expect((await send("POST", "/api/v2/tenants", { name: "acme" }, { as: reader })).status).toBe(403);
  expect((await send("GET", `${BASE}/collections`, undefined, { as: api.operator })).status).toBe(403);
});

test("without a key, if the service allows it, every tenant and database can be created", async () => {
  const { database } = testDatabase;
  const open = await createTestApi(database, chromaOptions({ anonymous: createOpenPrincipal(database) }));
  const request = async (method: string, path: string, body?: object) => {
    const headers = body ? { "Content-Type": "application/json" } : undefined;
    const response = await open.app.request(path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };
  expect((await request("POST", "/api/v2/tenants", { name: "acme" })).status).toBe(200);
  expect((await request("POST", "/api/v2/tenants/acme/databases", { name: "main" })).status).toBe(200);
  const collections = "/api/v2/tenants/acme/databases/main/collections";
  expect((await request("POST", collections, { name: "anything" })).status).toBe(200);
  expect((await request("GET", collections)).body).toMatchObject([{ name: "anything", tenant: "acme" }]);
  expect((await getTenant(database, "acme/main")).name).toBe("acme/main");
  expect((await request("GET", "/v1/tenants")).status).toBe(401);
  expect((await request("POST", "/api/v2/reset")).status).toBe(200);
  expect((await request("GET", collections)).body).toEqual([]);
  await open.queue.close();
});
