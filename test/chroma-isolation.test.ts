import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { createNamespace } from "@cairn/core/tenant/namespace.ts";
import { beforeAll, describe, expect, test } from "vitest";
import { useTestApi } from "./support/api.ts";
import { type ChromaPeer, cairnPeer, chromaOptions } from "./support/chroma-api.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { type Operation, readDescription } from "./support/openapi.ts";

// Every route of Chroma's API answers for another tenant's names and ids as for missing ones.

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => chromaOptions());
const BASE = "/api/v2/tenants/default_tenant/databases/default_database";
const MISSING = "00000000-0000-4000-8000-000000000000";

/** Bodies with which a request on an existing collection succeeds or is refused for another reason than the collection. */
const BODIES: Readonly<Record<string, object>> = {
  chromaCreateTenant: { name: "somebody" },
  chromaUpdateTenant: { resource_name: "x" },
  chromaCreateDatabase: { name: "another" },
  chromaCreateCollection: { name: "new-one" },
  chromaUpdateCollection: { new_name: "renamed" },
  chromaAdd: { ids: ["x"], embeddings: [[1, 0]] },
  chromaUpsert: { ids: ["secret"], embeddings: [[1, 0]], documents: ["overwritten"] },
  chromaUpdate: { ids: ["secret"], documents: ["overwritten"] },
  chromaGet: {},
  chromaQuery: { query_embeddings: [[1, 0]] },
  chromaDelete: { ids: ["secret"] },
  chromaSearch: { searches: [{}] },
  chromaFork: { new_name: "forked" },
  chromaAttachFunction: {},
  chromaDetachFunction: {},
};

let operations: readonly Operation[];
let owner: { readonly id: string; readonly peer: ChromaPeer; readonly collection: string };
let attackers: readonly (readonly [string, ChromaPeer])[];

beforeAll(async () => {
  const all = (await readDescription(api)).operations;
  operations = all.filter(({ path }) => path.startsWith("/api/v2/tenants/"));
  const victim = await api.addTenant("victim");
  const peer = cairnPeer(api, victim.key);
  const { text } = await peer.request("POST", `${BASE}/collections`, { name: "private" });
  const collection = JSON.parse(text).id as string;
  await peer.request("POST", `${BASE}/collections/${collection}/add`, {
    ids: ["secret"],
    embeddings: [[1, 0]],
    documents: ["a secret"],
  });
  owner = { id: victim.id, peer, collection };
  const namespace = await createNamespace(testDatabase.database, {
    name: "shop",
    settings: { patterns: ["shop_{tenant}_{collection}"] },
  });
  const { secret } = await createApiKey(testDatabase.database, { namespaceId: namespace.id });
  attackers = [
    ["a tenant's key", cairnPeer(api, (await api.addTenant()).key)],
    ["a namespace's key", cairnPeer(api, secret)],
  ];
});

/** The path of an operation with these names. */
function fill({ path }: Operation, names: Readonly<Record<string, string>>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => names[name] ?? "statistics");
}

describe("foreign names and ids", () => {
  test("of a collection are not found, on every route", async () => {
    const routes = operations.filter(({ path }) => /\{(collection_id|name)\}/.test(path));
    expect(routes.length).toBeGreaterThan(15);
    for (const [who, attacker] of attackers)
      for (const operation of routes) {
        const ask = (id: string, name: string) =>
          attacker.request(
            operation.method,
            fill(operation, { tenant: "default_tenant", database: "default_database", collection_id: id, name }),
            BODIES[operation.operationId],
          );
        const foreign = await ask(owner.collection, "private");
        const missing = await ask(MISSING, "nothing");
        const about = `${operation.operationId} with ${who}`;
        expect(foreign.status, about).toBe(404);
        expect(foreign.text.replaceAll(owner.collection, MISSING).replaceAll("private", "nothing"), about).toBe(
          missing.text,
        );
      }
  });

  test("of a tenant are like those of a missing one, on every route", async () => {
    const routes = operations.filter(({ path }) => path.includes("{tenant}"));
    for (const [who, attacker] of attackers.slice(0, 1))
      for (const operation of routes)
        for (const name of ["victim", owner.id]) {
          const ask = (tenant: string) =>
            attacker.request(
              operation.method,
              fill(operation, {
                tenant,
                database: "default_database",
                collection_id: owner.collection,
                name: "private",
              }),
              BODIES[operation.operationId],
            );
          const [foreign, missing] = [await ask(name), await ask("nobody-at-all")];
          expect(
            { ...foreign, text: foreign.text.replaceAll(name, "nobody-at-all") },
            `${operation.operationId} with ${who}`,
          ).toEqual(missing);
        }
  });

  test("leave the owner's data as it was", async () => {
    const { text } = await owner.peer.request("POST", `${BASE}/collections/${owner.collection}/get`, {});
    expect(JSON.parse(text)).toMatchObject({ ids: ["secret"], documents: ["a secret"] });
    expect((await owner.peer.request("GET", `${BASE}/collections_count`)).text).toBe("1");
  });
});
