import { setTimeout as sleep } from "node:timers/promises";
import { advance, back } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { type CutoverStatus, readStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import { type OpenGateway, openGateway } from "@cairn/chroma/gateway/route/open.ts";
import { addNamespace, addNamespaceKey } from "@cairn/chroma/namespace/manage.ts";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { useTestApi } from "./support/api.ts";
import { cairnPeer, chromaOptions, chromaPeer } from "./support/chroma-api.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { createChromaDatabase } from "./support/migration.ts";

// The gateway in front of a real Chroma server: one application, whose tenants move to Cairn and back while it writes and reads.

const testDatabase = useTestDatabase();
const chroma = chromaPeer(inject("chromaUrl"));
const errors: unknown[] = [];
let gateway: OpenGateway;
const api = useTestApi(testDatabase, () => {
  gateway = openGateway(testDatabase.services, {
    chroma: { url: inject("chromaUrl") },
    timeoutMs: 5_000,
    onError: (error) => errors.push(error),
  });
  return chromaOptions({ gateway: gateway.handler });
});
let base: string;
let key: string;
beforeAll(async () => {
  base = `/api/v2/tenants/default_tenant/databases/${await createChromaDatabase(inject("chromaUrl"))}`;
  await addNamespace(testDatabase.database, { name: "shop", settings: {} });
  key = (await addNamespaceKey(testDatabase.database, "shop", {})).secret;
});
afterAll(() => gateway.close());

async function send(method: string, path: string, body?: unknown) {
  const { status, text } = await cairnPeer(api, key).request(method, `${base}${path}`, body);
  return { status, body: text === "" ? undefined : JSON.parse(text) };
}

async function sendToChroma(method: string, path: string, body?: unknown) {
  const { status, text } = await chroma.request(method, `${base}${path}`, body);
  return { status, body: text === "" ? undefined : JSON.parse(text) };
}

const LIMITS = { settleMs: 0, minReads: 3 };

/** Waits until the conditions of the next phase hold, and enters it. */
async function enter(tenant: string): Promise<CutoverStatus> {
  for (let attempt = 0; ; attempt++)
    try {
      return await advance(testDatabase.database, tenant, { limits: LIMITS });
    } catch (error) {
      if (attempt > 150) throw error;
      await sleep(100);
    }
}

const record = (id: string) => ({
  ids: [id],
  embeddings: [[1, id.length, 0]],
  documents: [`text of ${id}`],
  metadatas: [{ id, whole: 1.0, n: 2 }],
});
const ALL = { include: ["documents", "metadatas", "embeddings", "uris"] };

test("a tenant moves from Chroma to Cairn and back, and both sides have every write", async () => {
  const created = await send("POST", "/collections", { name: "tenant_acme_faq", metadata: { topic: "faq" } });
  expect(created.status).toBe(200);
  const at = `/collections/${created.body.id}`;
  expect(await send("POST", `${at}/add`, record("one"))).toEqual({ status: 201, body: {} });
  // Chroma answers, and Cairn does not have it.
  expect((await sendToChroma("GET", `${at}/count`)).body).toBe(1);
  expect(await readStatus(testDatabase.database, "acme")).toBeUndefined();

  expect(await advance(testDatabase.database, "acme")).toMatchObject({ phase: "mirror" });
  await send("POST", `${at}/add`, record("two"));
  await send("POST", `${at}/upsert`, { ...record("one"), documents: ["changed"] });
  expect(await enter("acme")).toMatchObject({ phase: "shadow", compared: { identical: true, collections: 1 } });
  for (let i = 0; i < 3; i++) {
    await send("POST", `${at}/query`, { query_embeddings: [[1, 3, 0]], n_results: 2 });
    await send("POST", `${at}/get`, ALL);
    await send("GET", `${at}/count`);
  }
  const inChroma = await send("POST", `${at}/get`, ALL);
  expect(await enter("acme")).toMatchObject({ phase: "cairn" });

  // Cairn answers as Chroma did, and Chroma follows.
  expect(await send("POST", `${at}/get`, ALL)).toEqual(inChroma);
  expect((await send("GET", "/collections/tenant_acme_faq")).body).toMatchObject({ id: created.body.id });
  await send("POST", `${at}/add`, record("three"));
  await send("POST", `${at}/delete`, { where: { id: "two" } });
  const made = await send("POST", "/collections", { name: "tenant_acme_notes" });
  await send("POST", `/collections/${made.body.id}/add`, record("note"));
  expect((await api.call("GET", "/v1/collections", { key, headers: { "Cairn-Tenant": "acme" } })).body).toMatchObject({
    collections: [{ name: "faq" }, { name: "notes" }],
  });
  const inCairn = await send("POST", `${at}/get`, ALL);
  expect(inCairn.body.ids).toEqual(["one", "three"]);

  expect(await back(testDatabase.database, "acme")).toMatchObject({ phase: "shadow" });
  expect(await sendToChroma("POST", `${at}/get`, ALL)).toEqual(inCairn);
  expect(await send("POST", `${at}/get`, ALL)).toEqual(inCairn);
  // The client knows the new collection by Cairn's id, and Chroma chose another one.
  expect((await send("POST", `/collections/${made.body.id}/get`, {})).body.ids).toEqual(["note"]);
  expect(await back(testDatabase.database, "acme", { to: "chroma" })).toMatchObject({ phase: "chroma" });
  expect((await send("POST", `/collections/${made.body.id}/get`, {})).body.ids).toEqual(["note"]);
  expect(errors).toEqual([]);
});
