import { advance, back, requestComparison } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { readStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import { addNamespace, addNamespaceKey } from "@cairn/chroma/namespace/manage.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { createTestApi } from "./support/api.ts";
import { chromaOptions } from "./support/chroma-api.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { EVERYTHING, records, useGateway } from "./support/gateway.ts";

// The gateway in front of a real Chroma server: one application, whose tenants move to Cairn and back while it writes and reads.

const testDatabase = useTestDatabase();
const gateway = useGateway(testDatabase);
const { api, send, sendToChroma, create, enter, waitFor, errors, namespace } = gateway;
const asTenantOf = (tenant: string) => ({ key: gateway.key, headers: { "Cairn-Tenant": tenant } });

test("a tenant moves from Chroma to Cairn and back, and both sides have every write", async () => {
  const created = await send("POST", "/collections", { name: "tenant_meadow_faq", metadata: { topic: "faq" } });
  const at = `/collections/${created.body.id}`;
  expect(await send("POST", `${at}/add`, records("one"))).toEqual({ status: 201, body: {} });
  // Chroma answers, and Cairn does not have it.
  expect((await sendToChroma("GET", `${at}/count`)).body).toBe(1);
  expect(await readStatus(testDatabase.database, "meadow")).toBeUndefined();

  expect(await advance(testDatabase.database, "meadow", { namespace })).toMatchObject({ phase: "mirror" });
  await send("POST", `${at}/add`, records("two"));
  await send("POST", `${at}/upsert`, { ...records("one"), documents: ["changed"] });
  expect(await enter("meadow")).toMatchObject({ phase: "shadow", compared: { identical: true, collections: 1 } });
  for (let i = 0; i < 3; i++) {
    await send("POST", `${at}/query`, { query_embeddings: [[1, 3, 0.5]], n_results: 2 });
    await send("POST", `${at}/get`, EVERYTHING);
    await send("GET", `${at}/count`);
  }
  const inChroma = await send("POST", `${at}/get`, EVERYTHING);
  expect(await enter("meadow", { minReads: 3 })).toMatchObject({ phase: "cairn" });

  // Cairn answers as Chroma did, and Chroma follows.
  expect(await send("POST", `${at}/get`, EVERYTHING)).toEqual(inChroma);
  expect((await send("GET", "/collections/tenant_meadow_faq")).body).toMatchObject({ id: created.body.id });
  await send("POST", `${at}/add`, records("three"));
  await send("POST", `${at}/delete`, { where: { id: "two" } });
  const notes = await create("tenant_meadow_notes");
  await send("POST", `${notes}/add`, records("note"));
  expect((await api.call("GET", "/v1/collections", asTenantOf("meadow"))).body).toMatchObject({
    collections: [{ name: "faq" }, { name: "notes" }],
  });
  const inCairn = await send("POST", `${at}/get`, EVERYTHING);
  expect(inCairn.body.ids).toEqual(["one", "three"]);

  expect(await back(testDatabase.database, "meadow")).toMatchObject({ phase: "shadow" });
  expect(await sendToChroma("POST", `${at}/get`, EVERYTHING)).toEqual(inCairn);
  expect(await send("POST", `${at}/get`, EVERYTHING)).toEqual(inCairn);
  // The client knows the new collection by Cairn's id, and Chroma chose another one.
  expect((await send("POST", `${notes}/get`, {})).body.ids).toEqual(["note"]);
  expect(await back(testDatabase.database, "meadow", { to: "chroma" })).toMatchObject({ phase: "chroma" });
  expect((await send("POST", `${notes}/get`, {})).body.ids).toEqual(["note"]);
  expect(errors).toEqual([]);
});

test("while Chroma decides, the tenant's data in Cairn takes no writes but replication's", async () => {
  const at = await create("tenant_follower_faq");
  await send("POST", `${at}/add`, records("one"));
  await advance(testDatabase.database, "follower", { namespace });
  await waitFor("follower", ({ compared }) => compared?.identical === true);
  const document = { id: "one", content: "from elsewhere", embedding: [3, 2, 1] };
  const as = asTenantOf("follower");
  const attempts = [
    api.call("POST", "/v1/documents", { ...as, body: { collection: "faq", documents: [document] } }),
    api.call("POST", "/v1/documents/delete", { ...as, body: { collection: "faq", ids: ["one"] } }),
    api.call("POST", "/v1/collections", { ...as, body: { name: "more" } }),
    api.call("DELETE", "/v1/collections/faq", as),
  ];
  for (const { status, body } of await Promise.all(attempts))
    expect({ status, code: body.code }).toEqual({ status: 409, code: "read_only_replica" });
  expect((await api.call("GET", "/v1/documents?collection=faq", as)).body.documents).toMatchObject([{ id: "one" }]);
});

test("a key sees the names that its namespace stands for, in lists and by id", async () => {
  const mine = await create("tenant_seen_faq");
  await sendToChroma("POST", "/collections", { name: "private" });
  await addNamespace(testDatabase.database, {
    name: "others",
    settings: { patterns: ["other-{tenant}-{collection}"] },
  });
  const { secret } = await addNamespaceKey(testDatabase.database, "others", {});
  const namesFor = async (key?: string) =>
    (await send("GET", "/collections", undefined, key)).body.map(({ name }: { name: string }) => name);
  expect(await namesFor()).toContain("tenant_seen_faq");
  expect(await namesFor()).not.toContain("private");
  expect(await namesFor(secret)).toEqual([]);
  expect((await send("GET", "/collections_count", undefined, secret)).body).toBe(0);
  for (const [method, path] of [
    ["POST", `${mine}/get`],
    ["POST", `${mine}/add`],
    ["GET", `${mine}/count`],
    ["GET", "/collections/tenant_seen_faq"],
    ["DELETE", "/collections/tenant_seen_faq"],
    ["PUT", mine],
  ] as const)
    expect((await send(method, path, method === "GET" ? undefined : records("x"), secret)).status, path).toBe(404);
  expect((await send("POST", "/collections", { name: "private too" })).status).toBe(400);
  expect((await sendToChroma("GET", "/collections/private%20too")).status).toBe(404);
});

test("the namespace of a tenant can be corrected in the phase chroma, and a tenant without collections stays in mirror", async () => {
  const { database } = testDatabase;
  const at = await create("tenant_corrected_faq");
  await send("POST", `${at}/add`, records("one"));
  await addNamespace(database, { name: "wrong", settings: { patterns: ["wrong-{tenant}-{collection}"] } });
  await advance(database, "corrected", { namespace: "wrong" });
  const { next } = await waitFor("corrected", ({ compared }) => compared?.identical === true);
  expect(next?.conditions).toContainEqual(expect.objectContaining({ name: "collections", met: false }));
  await expect(advance(database, "corrected", { namespace })).rejects.toMatchObject({ path: "namespace" });
  await back(database, "corrected");
  await advance(database, "corrected", { namespace });
  await waitFor("corrected", ({ compared }) => compared?.records === 1);
});

test("clients of a second namespace with the same names keep the collection when the tenant moves", async () => {
  const { database } = testDatabase;
  const at = await create("tenant_shared_faq");
  await send("POST", `${at}/add`, records("one"));
  await addNamespace(database, { name: "second", settings: {} });
  const { secret } = await addNamespaceKey(database, "second", {});
  expect((await send("POST", `${at}/get`, {}, secret)).body.ids).toEqual(["one"]);
  await advance(database, "shared", { namespace });
  await enter("shared");
  await enter("shared");
  await waitFor("shared", ({ phase }) => phase === "cairn");
  expect((await send("POST", `${at}/upsert`, records("two"), secret)).status).toBe(200);
  expect((await send("POST", `${at}/get`, {})).body.ids).toEqual(["one", "two"]);
});

test("from done a tenant goes back to chroma only when its data was written there", async () => {
  const { database } = testDatabase;
  await create("tenant_finished_faq");
  await advance(database, "finished", { namespace, to: "done", force: true });
  await expect(back(database, "finished", { to: "chroma" })).rejects.toThrow(/migration in that direction/);
  expect(await back(database, "finished", { to: "chroma", force: true })).toMatchObject({ phase: "chroma" });
});

test("a service that is no gateway refuses the namespace of a tenant that Chroma decides for", async () => {
  await create("tenant_waiting_faq");
  await advance(testDatabase.database, "waiting", { namespace });
  const other = await createTestApi(testDatabase.database, chromaOptions());
  const list = () =>
    other.app.request("/api/v2/tenants/default_tenant/databases/default_database/collections", {
      headers: { "X-Chroma-Token": gateway.key },
    });
  const refused = await list();
  expect({ status: refused.status, text: await refused.text() }).toEqual({
    status: 503,
    text: expect.stringContaining("is not the gateway of the namespace"),
  });
});

test("a write that bypasses the gateway is found, reported and repaired", async () => {
  const at = await create("tenant_bypass_faq");
  await send("POST", `${at}/add`, records("one", "two"));
  await advance(testDatabase.database, "bypass", { namespace });
  await enter("bypass"); // in the phase before, a write from before the journal may still explain a difference
  await sendToChroma("POST", `${at}/update`, { ids: ["one"], documents: ["changed directly"] });
  await sendToChroma("POST", `${at}/delete`, { ids: ["two"] });
  await requestComparison(testDatabase.database, "bypass");
  const { compared } = await waitFor("bypass", (status) => (status.compared?.bypassed ?? 0) > 0);
  expect(compared).toMatchObject({ bypassed: 2, identical: true, records: 1 });
  const { id } = await getTenant(testDatabase.database, "bypass");
  const findings = await asAdmin(testDatabase.database, ({ orm }) =>
    orm.selectRows(sql`
      SELECT record_id, kind FROM cairn.cutover_findings WHERE tenant_id = ${id}::uuid ORDER BY record_id`),
  );
  expect(findings).toEqual([
    { record_id: "one", kind: "bypass" },
    { record_id: "two", kind: "bypass" },
  ]);
  const body = { collection: "faq", query_embedding: [1, 3, 0.5] };
  const { hits } = (await api.call("POST", "/v1/query", { ...asTenantOf("bypass"), body })).body;
  expect(hits).toMatchObject([{ id: "one", content: "changed directly" }]);
});

test("a write from before the journal that ends late is copied, and does not count as a bypass", async () => {
  const at = await create("tenant_late_faq");
  await send("POST", `${at}/add`, records("one"));
  await advance(testDatabase.database, "late", { namespace });
  await waitFor("late", ({ compared }) => compared?.identical === true);
  await sendToChroma("POST", `${at}/add`, records("two")); // as if it had been sent before
  await requestComparison(testDatabase.database, "late");
  const { compared } = await waitFor("late", (status) => status.compared?.records === 2);
  expect(compared).toMatchObject({ bypassed: 0, written: 1, identical: true });
});

test("records keep Chroma's order, also if they are deleted and added again, or were added past the gateway", async () => {
  const at = await create("tenant_ordered_faq");
  await send("POST", `${at}/add`, records("z", "a", "m", "b"));
  await advance(testDatabase.database, "ordered", { namespace });
  await waitFor("ordered", ({ compared }) => compared?.identical === true);
  await send("POST", `${at}/delete`, { ids: ["a"] });
  await send("POST", `${at}/add`, records("a", "c"));
  await waitFor("ordered", ({ journal }) => journal.changes === 0);
  await sendToChroma("POST", `${at}/delete`, { ids: ["z"] });
  await sendToChroma("POST", `${at}/add`, records("z"));
  await requestComparison(testDatabase.database, "ordered");
  await waitFor("ordered", ({ compared }) => Date.parse(compared?.finishedAt ?? "") > Date.parse("1970-01-02"));
  await enter("ordered");
  await enter("ordered");
  const inCairn = await send("POST", `${at}/get`, {});
  expect(inCairn.body.ids).toEqual(["m", "b", "a", "c", "z"]);
  expect(await sendToChroma("POST", `${at}/get`, {})).toEqual(inCairn);
});

test("collections are created, renamed, changed, deleted and created again on both sides", async () => {
  const first = await create("tenant_names_faq");
  await send("POST", `${first}/add`, records("old"));
  await advance(testDatabase.database, "names", { namespace });
  await send("PUT", first, { new_name: "tenant_names_help", new_metadata: { k: 1 } });
  await send("DELETE", "/collections/tenant_names_help");
  const second = await create("tenant_names_help");
  await send("POST", `${second}/add`, records("new"));
  expect(second).not.toBe(first);
  await enter("names");
  await enter("names");
  expect((await send("POST", `${second}/get`, {})).body.ids).toEqual(["new"]);
  expect((await send("POST", `${first}/get`, {})).status).toBe(404);
  await send("PUT", second, { new_name: "tenant_names_again", new_metadata: { k: 2 } });
  const third = await create("tenant_names_third");
  await send("POST", `${third}/add`, records("third"));
  await send("DELETE", "/collections/tenant_names_third");
  await back(testDatabase.database, "names", { to: "chroma" });
  expect((await sendToChroma("GET", "/collections/tenant_names_again")).body).toMatchObject({ metadata: { k: 2 } });
  expect((await send("POST", `${second}/get`, {})).body.ids).toEqual(["new"]);
  for (const name of ["tenant_names_help", "tenant_names_third"])
    expect((await sendToChroma("GET", `/collections/${name}`)).status).toBe(404);
});

test("a phase is refused with every condition that is not met, and an override is recorded", async () => {
  const at = await create("tenant_checked_faq");
  await send("POST", `${at}/add`, records("one"));
  await advance(testDatabase.database, "checked", { namespace });
  await expect(advance(testDatabase.database, "checked")).rejects.toMatchObject({
    code: "invalid_input",
    message: expect.stringMatching(/cannot enter the phase shadow: .*(compared|still be running)/),
  });
  await enter("checked");
  await expect(advance(testDatabase.database, "checked")).rejects.toThrow(/0 reads were compared.*100 are required/);
  await advance(testDatabase.database, "checked", { force: true });
  const { id } = await getTenant(testDatabase.database, "checked");
  const events = await asAdmin(testDatabase.database, ({ orm }) =>
    orm.selectRows(sql`
      SELECT from_phase, to_phase, overridden FROM cairn.cutover_events WHERE tenant_id = ${id}::uuid ORDER BY at`),
  );
  expect(events).toMatchObject([
    { to_phase: "mirror" },
    { to_phase: "shadow" },
    { from_phase: "shadow", to_phase: "cairn", overridden: ["reads", "agreement"] },
  ]);
});
