import { randomUUID } from "node:crypto";
import { advance } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { expect, inject, test } from "vitest";
import { cairnPeer, chromaPeer } from "./support/chroma-api.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { records, useGateway } from "./support/gateway.ts";

// What a namespace's key can reach in a Chroma server that it shares with others.

const testDatabase = useTestDatabase();
const gateway = useGateway(testDatabase);
const { api, namespace, waitFor } = gateway;

/** A database of Chroma, as the gateway and as the server itself answer about it. */
async function createDatabase(name = `shared_${randomUUID()}`) {
  const chroma = chromaPeer(inject("chromaUrl"));
  const all = "/api/v2/tenants/default_tenant/databases";
  const { status } = await cairnPeer(api, gateway.key).request("POST", all, { name });
  const base = `${all}/${encodeURIComponent(name)}`;
  const through = (method: string, path: string, body?: unknown) =>
    cairnPeer(api, gateway.key).request(method, `${base}${path}`, body);
  const direct = (method: string, path: string, body?: unknown) => chroma.request(method, `${base}${path}`, body);
  return { status, through, direct };
}

test("a database is not deleted with collections that the key does not see", async () => {
  const { through, direct } = await createDatabase();
  await through("POST", "/collections", { name: "tenant_owner_faq" });
  const { id } = JSON.parse((await direct("POST", "/collections", { name: "of_another_service" })).text);
  await direct("POST", `/collections/${id}/add`, records("one"));
  expect((await through("DELETE", "")).status).toBe(403);
  expect((await direct("GET", `/collections/${id}/count`)).text).toBe("1");
  expect((await direct("GET", "/collections/tenant_owner_faq")).status).toBe(200);
  await direct("DELETE", "/collections/of_another_service");
  expect((await through("DELETE", "")).status).toBe(200);
  expect((await direct("GET", "")).status).toBe(404);
});

test("collections of a database whose name has a slash are created and deleted in the replica", async ({ skip }) => {
  const { status, through } = await createDatabase(`eu/${randomUUID()}`);
  if (status !== 200) skip("Newer versions of Chroma refuse the name.");
  await through("POST", "/collections", { name: "tenant_slash_first" });
  await advance(testDatabase.database, "slash", { namespace });
  await waitFor("slash", ({ compared, journal }) => compared?.identical === true && journal.changes === 0);
  await through("POST", "/collections", { name: "tenant_slash_second" });
  await through("DELETE", "/collections/tenant_slash_first");
  await waitFor("slash", ({ journal }) => journal.changes === 0);
  const headers = { "Cairn-Tenant": "slash" };
  const { body } = await api.call("GET", "/v1/collections", { key: gateway.key, headers });
  expect(body).toMatchObject({ collections: [{ name: "second" }] });
});

test("a database may be called like a part of a path", async () => {
  const { through } = await createDatabase("collections");
  const { id } = JSON.parse((await through("POST", "/collections", { name: "tenant_path_faq" })).text);
  expect((await through("POST", `/collections/${id}/add`, records("one"))).status).toBe(201);
  expect((await through("GET", `/collections/${id}/count`)).text).toBe("1");
  expect((await through("DELETE", "")).status).toBe(200);
});
