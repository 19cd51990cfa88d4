import { setTimeout as sleep } from "node:timers/promises";
import { advance, back } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ApiResponse } from "./support/api.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { until, useProxiedGateway } from "./support/proxied-gateway.ts";
import { always, times } from "./support/proxy.ts";

// What clients see when Chroma fails, and how collections follow, with a real Chroma behind a proxy.

const testDatabase = useTestDatabase();
const gateway = useProxiedGateway(testDatabase);
const { send, sendToChroma } = gateway;

let tenants = 0;
let tenant: string;
beforeEach(() => {
  tenant = `shop${++tenants}`;
});
afterEach(() => {
  gateway.proxy.rules = [];
});

const record = (id: string) => ({ ids: [id], embeddings: [[1, 2, 3]], documents: [`text of ${id}`] });
const create = async (name: string) => {
  const { status, body } = await send("POST", "/collections", { name: `tenant_${tenant}_${name}` });
  expect(status).toBe(200);
  return `/collections/${body.id as string}`;
};
const FAILS = always({ kind: "answer", status: 500 }, () => true);

async function inCairn() {
  return gateway.rows<{ id: string; name: string }>(
    sql`SELECT c.id, c.name FROM cairn.collections AS c JOIN cairn.tenants AS t ON t.id = c.tenant_id
        WHERE t.name = ${tenant} ORDER BY c.name`,
  );
}

test("a failure of Chroma is not taken for a missing collection or an empty list", async () => {
  const { body } = await sendToChroma("POST", "/collections", { name: `tenant_${tenant}_faq` });
  gateway.proxy.rules = [FAILS];
  expect((await send("POST", `/collections/${body.id}/get`, {})).status).toBe(502);
  expect((await send("POST", `/collections/${body.id}/add`, record("one"))).status).toBe(502);
  expect((await send("GET", "/collections")).status).toBe(502);
  gateway.proxy.rules = [];
  expect((await send("POST", `/collections/${body.id}/add`, record("one"))).status).toBe(201);
});

test("a collection that Chroma has deleted is gone at once, although Cairn still has it", async () => {
  await create("faq");
  await gateway.enterUpTo(tenant, "mirror");
  await gateway.compared(tenant);
  expect(await inCairn()).toHaveLength(1);
  gateway.proxy.rules = [
    always({ kind: "answer", status: 500 }, ({ path }) => path.includes("/collections?limit=100&")),
  ];
  const path = `/collections/tenant_${tenant}_faq`;
  expect((await send("DELETE", path)).status).toBe(200);
  expect(await inCairn()).toHaveLength(1);
  expect((await send("GET", path)).status).toBe(404);
  gateway.proxy.rules = [];
  expect((await send("GET", "/collections")).body.map(({ name }: { name: string }) => name)).not.toContain(
    `tenant_${tenant}_faq`,
  );
  await back(testDatabase.database, tenant);
  expect((await send("GET", path)).status).toBe(404);
});

test("collections follow that were renamed to the former names of others before Cairn heard of it", async () => {
  const first = await create("a");
  const second = await create("b");
  await send("POST", `${first}/add`, record("first"));
  await send("POST", `${second}/add`, record("second"));
  await gateway.enterUpTo(tenant, "mirror");
  await gateway.compared(tenant);
  // The replicator cannot list Chroma's collections meanwhile.
  gateway.proxy.rules = [
    always({ kind: "answer", status: 500 }, ({ path }) => path.includes("/collections?limit=100&")),
  ];
  const rename = async (at: string, name: string) =>
    expect((await send("PUT", at, { new_name: `tenant_${tenant}_${name}` })).status).toBe(200);
  await rename(second, "z");
  await rename(first, "b");
  const third = await create("a");
  expect((await send("POST", `${third}/add`, record("third"))).status).toBe(201);
  gateway.proxy.rules = [];
  await gateway.rows(sql`UPDATE cairn.changes SET retry_at = NULL`);
  await gateway.drained(tenant);
  const idsIn = async (name: string) => Object.keys(await gateway.inCairn(tenant, name));
  expect({ a: await idsIn("a"), b: await idsIn("b"), z: await idsIn("z") }).toEqual({
    a: ["third"],
    b: ["first"],
    z: ["second"],
  });
  expect((await inCairn()).map(({ id }) => `/collections/${id}`)).toEqual([third, first, second]);
});

test("a collection that one list of Chroma lacks is not deleted", async () => {
  await create("faq");
  await create("other");
  await gateway.enterUpTo(tenant, "mirror");
  await gateway.compared(tenant);
  const before = await inCairn();
  // Chroma lists by offset: a deletion between two pages hides a collection.
  const hides = (body: string) =>
    JSON.stringify(JSON.parse(body).filter(({ name }: { name: string }) => name !== `tenant_${tenant}_faq`));
  gateway.proxy.rules = [
    times(1, { kind: "change", change: hides }, ({ path }) => path.includes("/collections?limit=100&")),
  ];
  await create("third");
  await until(async () => (await inCairn()).length === 3);
  expect(await inCairn()).toEqual(expect.arrayContaining([...before]));
});

test("writes are accepted again after the process that changed the phase has died", async () => {
  const at = await create("faq");
  await send("POST", `${at}/add`, record("one"));
  await gateway.enterUpTo(tenant, "cairn");
  // What a process leaves behind that raised the barrier and was killed.
  await gateway.rows(sql`
    UPDATE cairn.cutover_tenants SET barrier_until = now() - interval '1 second'
    WHERE tenant_id = (SELECT id FROM cairn.tenants WHERE name = ${tenant})`);
  await gateway.rows(sql`
    UPDATE cairn.collections SET replication = 'replica'
    WHERE tenant_id = (SELECT id FROM cairn.tenants WHERE name = ${tenant})`);
  expect((await send("POST", `${at}/add`, record("two"))).status).toBe(201);
  await gateway.drained(tenant);
  expect((await sendToChroma("POST", `${at}/get`, {})).body.ids).toEqual(["one", "two"]);
});

test("a collection that was made in Cairn is found in Chroma after the way back", async () => {
  await create("faq");
  await gateway.enterUpTo(tenant, "cairn");
  gateway.proxy.rules = [FAILS];
  const made = await create("made");
  expect((await send("POST", `${made}/get`, {})).status).toBe(200); // the gateway learns that Chroma does not have it yet
  gateway.proxy.rules = [];
  await gateway.rows(sql`UPDATE cairn.changes SET retry_at = NULL`);
  await gateway.drained(tenant);
  await back(testDatabase.database, tenant, { to: "chroma" });
  expect((await send("POST", `${made}/add`, record("one"))).status).toBe(201);
  expect((await send("POST", `${made}/get`, {})).body.ids).toEqual(["one"]);
});

test("a collection whose creation in Chroma was not answered is used, and its finding ends", async () => {
  await create("faq");
  await gateway.enterUpTo(tenant, "cairn");
  await gateway.compared(tenant);
  const creates = ({ method, path }: { readonly method: string; readonly path: string }) =>
    method === "POST" && path.endsWith("/collections");
  gateway.proxy.rules = [times(1, { kind: "cut", after: 0 }, creates)];
  const made = await create("made");
  await gateway.drained(tenant);
  const open = sql`SELECT kind, detail FROM cairn.cutover_findings WHERE resolved_at IS NULL`;
  expect(await gateway.rows(open)).toEqual([]);
  const { body } = await sendToChroma("GET", `/collections/tenant_${tenant}_made`);
  const pairs = sql`SELECT collection_id, chroma_id FROM cairn.cutover_collections WHERE chroma_id = ${body.id}::uuid`;
  expect(await gateway.rows(pairs)).toEqual([{ collection_id: made.replace("/collections/", ""), chroma_id: body.id }]);
});

test("a collection of another metric in Cairn is a conflict until it has another name", async () => {
  await create("faq");
  await gateway.enterUpTo(tenant, "mirror");
  await gateway.compared(tenant);
  const at = await create("other");
  await until(async () => (await inCairn()).length === 2);
  await back(testDatabase.database, tenant);
  // Without a replica, Cairn's collection of the name is replaced by one that cannot follow.
  await gateway.rows(sql`UPDATE cairn.collections SET metric = 'cosine' WHERE name = 'other'`);
  await gateway.rows(sql`DELETE FROM cairn.cutover_collections WHERE name = ${`tenant_${tenant}_other`}`);
  await gateway.enterUpTo(tenant, "mirror");
  const open = () =>
    gateway.rows(sql`SELECT kind FROM cairn.cutover_findings AS f JOIN cairn.tenants AS t ON t.id = f.tenant_id
                     WHERE t.name = ${tenant} AND resolved_at IS NULL`);
  await until(async () => (await open()).length === 1);
  await gateway.rows(sql`UPDATE cairn.collections SET name = 'kept' WHERE name = 'other'`);
  await send("POST", `${at}/add`, record("one"));
  await until(async () => (await inCairn()).length === 3);
  await gateway.drained(tenant);
  expect(await open()).toEqual([]);
});

test("a write that a proxy has given up reaches Cairn when Chroma applies it later", async () => {
  const at = await create("faq");
  await gateway.enterUpTo(tenant, "mirror");
  await gateway.compared(tenant);
  let applied: Promise<unknown> | undefined;
  const applyLater = () => sleep(1_000).then(() => sendToChroma("POST", `${at}/add`, record("late")));
  gateway.proxy.rules = [
    ({ path }) => {
      if (!path.endsWith("/add")) return undefined;
      applied = applyLater();
      return { kind: "answer", status: 524 };
    },
  ];
  expect((await send("POST", `${at}/add`, record("late"))).status).toBe(524);
  await applied;
  await gateway.drained(tenant);
  expect(Object.keys(await gateway.inCairn(tenant, "faq"))).toEqual(["late"]);
});

test("a delete that selects nothing in Chroma is sent to Cairn if the phase has changed meanwhile", async () => {
  const at = await create("faq");
  await send("POST", `${at}/add`, { ...record("old"), metadatas: [{ k: 1 }] });
  await gateway.enterUpTo(tenant, "shadow");
  const document = { id: "new", content: "new", embedding: [3, 2, 1], metadata: { k: 2 } };
  const as = { key: gateway.key, headers: { "Cairn-Tenant": tenant } };
  let added: ApiResponse | undefined;
  gateway.proxy.rules = [
    async ({ path, body }) => {
      if (added || !path.endsWith("/get") || !body.includes("where")) return undefined;
      await advance(testDatabase.database, tenant, { force: true });
      const write = { ...as, body: { collection: "faq", documents: [document] } };
      added = await gateway.api.call("POST", "/v1/documents", write);
      return { kind: "answer", status: 200, body: `{"ids":[]}` };
    },
  ];
  expect((await send("POST", `${at}/delete`, { where: { k: 2 } })).status).toBe(200);
  expect(added?.status).toBe(200);
  expect(Object.keys(await gateway.inCairn(tenant, "faq"))).toEqual(["old"]);
});

test("an answer that is too large to be compared reaches the client", async () => {
  const at = await create("faq");
  await gateway.enterUpTo(tenant, "shadow");
  const text = "x".repeat(65_000_000);
  gateway.proxy.rules = [
    ({ path }) => (path.endsWith("/get") ? { kind: "answer", status: 200, body: JSON.stringify(text) } : undefined),
  ];
  const { status, body } = await send("POST", `${at}/get`, {});
  expect({ status, length: body.length }).toEqual({ status: 200, length: text.length });
});

test("requests for the same unknown id at the same time search Chroma once", async () => {
  const before = gateway.proxy.seen.length;
  const id = "0b8f4dd4-5f2c-4e3a-8a5e-0f1c0f1c0f1c";
  const answers = await Promise.all(Array.from({ length: 20 }, () => send("GET", `/collections/${id}/count`)));
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(404));
  const seen = gateway.proxy.seen.slice(before).map(({ path }) => path);
  expect(seen.filter((path) => path.includes(`/by-id/${id}`))).toHaveLength(1);
  // A server that can be asked for an id is not asked for its list too.
  const isOld = (await sendToChroma("GET", `/collections/by-id/${id}`)).body === undefined;
  expect(seen.filter((path) => /\/collections\?/.test(path))).toHaveLength(isOld ? 1 : 0);
});
