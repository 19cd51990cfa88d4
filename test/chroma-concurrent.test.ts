import { addNamespace, addNamespaceKey } from "@cairn/chroma/namespace/manage.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { ensureTenant } from "@cairn/core/tenant/tenant.ts";
import { expect, test } from "vitest";
import { useTestApi } from "./support/api.ts";
import { cairnPeer, chromaOptions } from "./support/chroma-api.ts";
import { useTestDatabase } from "./support/fixture.ts";

// Requests that change one collection at once.

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => chromaOptions());
const COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections";

async function tenantKey(): Promise<string> {
  const { id } = await ensureTenant(testDatabase.database, "acme");
  return (await createApiKey(testDatabase.database, id)).secret;
}

async function namespaceKey(): Promise<string> {
  await addNamespace(testDatabase.database, { name: "shop", settings: {} });
  return (await addNamespaceKey(testDatabase.database, "shop", {})).secret;
}

test.each([
  ["a tenant", tenantKey, "notes"],
  ["a namespace", namespaceKey, "tenant_6f1d2a84c0b94e5fa7d3318e5b2c9a10_notes"],
])("with the key of %s, get_or_create returns a collection while others delete it", async (_, makeKey, name) => {
  const peer = cairnPeer(api, await makeKey());
  const create = () => peer.request("POST", COLLECTIONS, { name, get_or_create: true });
  const remove = () => peer.request("DELETE", `${COLLECTIONS}/${name}`);
  const created: unknown[] = [];
  const removed = new Set<unknown>();
  await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const { status, text } = await create();
      created.push(status === 200 ? JSON.parse(text).name : text);
      if (index % 2 > 0) return;
      const { status: removal, text: reason } = await remove();
      removed.add(removal === 200 ? "deleted" : reason);
    }),
  );
  expect(new Set(created)).toEqual(new Set([name]));
  expect([...removed].map((reason) => /deleted|does not exist/.test(String(reason)))).not.toContain(false);
  expect((await create()).status).toBe(200);
  expect((await remove()).status).toBe(200);
});

test("the schema of a collection has a limit of keys, also if writers add many at once", async () => {
  const peer = cairnPeer(api, await tenantKey());
  const { id } = JSON.parse((await peer.request("POST", COLLECTIONS, { name: "keys" })).text);
  const write = (writer: number, keys: number) => {
    const metadata = Object.fromEntries(Array.from({ length: keys }, (_, key) => [`k${writer}_${key}`, key]));
    const record = { ids: [`r${writer}`], embeddings: [[1, 2]], metadatas: [metadata] };
    return peer.request("POST", `${COLLECTIONS}/${id}/upsert`, record);
  };
  const responses = await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer, 400)));
  responses.push(await write(9, 2_000));
  expect(responses.map(({ status }) => status)).toEqual(Array(9).fill(200));
  const { schema } = JSON.parse((await peer.request("GET", `${COLLECTIONS}/keys`)).text);
  const count = Object.keys(schema.keys).length;
  expect(count).toBeGreaterThan(400);
  expect(count).toBeLessThanOrEqual(1_002);
});
