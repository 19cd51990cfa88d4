import { changeCollection } from "@cairn/core/collection/change.ts";
import { insertCollection } from "@cairn/core/collection/create.ts";
import { createNamespace } from "@cairn/core/tenant/namespace.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { expect, inject, test } from "vitest";
import { plainRecords, putRecords } from "../../../test/support/fill-chroma.ts";
import { useServer, useTestDatabase } from "../../../test/support/fixture.ts";
import { ownerRows, readChroma } from "../../../test/support/migration.ts";
import { startHttpProxy } from "../../../test/support/proxy.ts";
import { createReplica, type Replica } from "../../../test/support/replica.ts";
import { type BackPlan, type MigrateBackOptions, migrateBack } from "./migrate-back.ts";

const testDatabase = useTestDatabase();
const fixture = useServer(async () => {
  const proxy = await startHttpProxy(inject("chromaUrl"));
  return { proxy, stop: () => proxy.stop() };
});

/** A replica with records in Cairn that Chroma does not have. */
async function createFilled(count = 3, options: Parameters<typeof createReplica>[1] = {}) {
  const replica = await createReplica(testDatabase, options);
  const records = plainRecords(count, 2).map(({ id, embedding }) => ({
    id,
    embedding: embedding as number[],
    content: id,
  }));
  await replica.put(...records);
  return replica;
}

async function run({ context, tenantId }: Replica, options: Partial<MigrateBackOptions> = {}) {
  const tenant = await getTenant(context.database, tenantId);
  return migrateBack(context, tenant, { databaseName: "test", cairnVersion: "0", ...options });
}

const execute = (statement: ReturnType<typeof sql>) => ownerRows(testDatabase.database, statement);
const idsIn = async ({ handle }: Replica) => Object.keys(await readChroma(handle)).sort();

/** The paths that a run would write to. */
async function planOf(replica: Replica, options: Partial<MigrateBackOptions> = {}) {
  let plan: BackPlan | undefined;
  const stop = new Error("planned");
  const onPlan = (planned: BackPlan) => {
    plan = planned;
    throw stop;
  };
  await expect(run(replica, { ...options, onPlan })).rejects.toBe(stop);
  return plan?.collections.map(({ path, origin }) => `${origin} ${path.tenant}/${path.database}/${path.name}`);
}

test("writes what Chroma lacks, and counts what only Chroma has until it is pruned", async () => {
  const replica = await createFilled();
  await putRecords(replica.handle, plainRecords(2, 2, "only-chroma-"));
  expect(await run(replica)).toMatchObject({
    verdict: "not_identical",
    totals: { documents: 3, records: 5, equal: 3, written: 3, deleted: 0, extra: 2, leftOut: 0 },
    collections: [{ created: false, passes: 2, extraIds: ["only-chroma-0", "only-chroma-1"] }],
  });
  expect(await run(replica, { prune: true })).toMatchObject({
    verdict: "identical",
    totals: { written: 0, deleted: 2, extra: 0 },
  });
  expect(await idsIn(replica)).toEqual(["doc-0", "doc-1", "doc-2"]);
  expect(await run(replica)).toMatchObject({ verdict: "identical", collections: [{ passes: 1 }] });
});

test("new records get the order in which they were added in Cairn", async () => {
  const replica = await createFilled(0);
  const ids = ["z", "a", ...Array.from({ length: 400 }, (_, index) => `m${400 - index}`), "b"];
  await replica.put(...ids.map((id) => ({ id, content: id })));
  expect(await run(replica)).toMatchObject({ verdict: "identical", totals: { written: 403 } });
  expect(Object.keys(await readChroma(replica.handle))).toEqual(ids);
});

test("pruning deletes all of many records that only Chroma has", async () => {
  const replica = await createFilled(1);
  await putRecords(replica.handle, plainRecords(5_100, 2, "only-chroma-"));
  expect(await run(replica, { prune: true })).toMatchObject({
    verdict: "identical",
    totals: { deleted: 5_100, records: 1 },
  });
  expect(await idsIn(replica)).toEqual(["doc-0"]);
});

test("an outage in the middle is an error, and the next run writes the rest", async () => {
  const replica = await createFilled(1_000, { url: fixture.proxy.url });
  let upserts = 0;
  fixture.proxy.rules = [
    ({ path }) => (path.endsWith("/upsert") && ++upserts > 1 ? { kind: "answer", status: 503 } : undefined),
  ];
  await expect(run(replica, { concurrency: 1 })).rejects.toMatchObject({ code: "source_unavailable" });
  fixture.proxy.rules = [];
  expect(await idsIn(replica)).toHaveLength(300);
  expect(await run(replica, { concurrency: 3 })).toMatchObject({
    verdict: "identical",
    totals: { written: 700, equal: 1_000 },
  });
});

test("what is changed in Cairn during a run is written by one of its passes, or by the next run", async () => {
  const replica = await createFilled(1);
  let changed: Promise<void> | undefined;
  const report = await run(replica, {
    onProgress: ({ done }) => {
      if (done === 1) changed ??= replica.put({ id: "late", content: "late" });
    },
  });
  await changed;
  const next = await run(replica);
  expect(report.totals.written + next.totals.written).toBe(2);
  expect(next).toMatchObject({ verdict: "identical" });
  expect(await idsIn(replica)).toEqual(["doc-0", "late"]);
});

test("a record that only the server refuses is left out, listed, and no exception that was asked for", async () => {
  const replica = await createFilled(5, { url: fixture.proxy.url });
  fixture.proxy.rules = [
    ({ path, body }) =>
      path.endsWith("/upsert") && body.includes("doc-3") ? { kind: "answer", status: 422 } : undefined,
  ];
  const report = await run(replica);
  expect(report).toMatchObject({
    verdict: "not_identical",
    totals: { written: 4, equal: 4, leftOut: 1 },
    leftOut: [{ collection: "notes", id: "doc-3", reason: "refused" }],
  });
  expect(await run(replica, { skipDocuments: true })).toMatchObject({ verdict: "identical_with_exceptions" });
  fixture.proxy.rules = [];
  expect(await run(replica)).toMatchObject({ verdict: "identical", totals: { written: 1 } });
});

test("metadata of a collection that Chroma cannot hold is a problem of the collection", async () => {
  const replica = await createFilled(1);
  const { database } = testDatabase;
  await changeCollection(database, replica.tenantId, replica.collectionId, { metadata: { a: { b: 1 } } });
  expect(await run(replica)).toMatchObject({
    verdict: "not_identical",
    totals: { equal: 1 },
    collections: [{ problems: [expect.stringContaining('metadata at "a"')] }],
  });
});

test("the path of a collection is that of the mapping, the cut-over, the namespace, the pattern, in this order", async () => {
  const replica = await createFilled(1);
  const { tenantId, path } = replica;
  const id = sql`${tenantId}::uuid`;
  expect(await planOf(replica)).toEqual([`cutover default_tenant/${path.database}/notes`]);
  await execute(sql`DELETE FROM cairn.cutover_collections WHERE tenant_id = ${id} RETURNING 1`);
  const pattern = `pattern default_tenant/default_database/tenant_${tenantId}_notes`;
  expect(await planOf(replica)).toEqual([pattern]);
  const { database } = testDatabase;
  const addRoute = async (name: string) => {
    const namespace = await createNamespace(database, { name: `${name}-${tenantId}`, settings: {} });
    await execute(sql`
      INSERT INTO cairn.namespace_collections (namespace_id, tenant_name, database_name, name, tenant_id, collection_id)
      VALUES (${namespace.id}::uuid, 'a_tenant', 'a_database', ${name}, ${id}, ${replica.collectionId}::uuid) RETURNING 1`);
  };
  await addRoute("routed");
  expect(await planOf(replica)).toEqual(["namespace a_tenant/a_database/routed"]);
  await addRoute("otherwise");
  expect(await planOf(replica)).toEqual([pattern]);
  const mapping = { "x_tenant/y_database/mapped": { tenant: tenantId, collection: "notes" } };
  expect(await planOf(replica, { mapping })).toEqual(["mapping x_tenant/y_database/mapped"]);
});

test("two collections with one place, and a name that Chroma does not accept, are refused with all reasons", async () => {
  const replica = await createFilled(1);
  const { database } = testDatabase;
  await insertCollection(database, replica.tenantId, { name: "second", embeddingModel: null });
  await insertCollection(database, replica.tenantId, { name: "ü", embeddingModel: null });
  const target = (collection: string) => ({ tenant: replica.tenantId, collection });
  const mapping = { [`default_tenant/${replica.path.database}/notes`]: target("second"), a: target("ü") };
  const error = await run(replica, { mapping }).catch((caught: Error) => caught);
  expect(error).toMatchObject({ code: "invalid_input" });
  expect((error as Error).message).toMatch(
    /2 collections[\s\S]*second: .* is the place of notes too[\s\S]*ü: .*no collection of the name "a"/,
  );
  expect(await idsIn(replica)).toEqual([]);
});

test("a tenant for which Chroma decides is refused", async () => {
  const replica = await createFilled(1);
  const namespace = await createNamespace(testDatabase.database, { name: `cutover-${replica.tenantId}`, settings: {} });
  await execute(sql`
    INSERT INTO cairn.cutover_tenants (tenant_id, namespace_id, phase)
    VALUES (${replica.tenantId}::uuid, ${namespace.id}::uuid, 'mirror') RETURNING 1`);
  await expect(run(replica)).rejects.toMatchObject({
    code: "invalid_input",
    message: expect.stringContaining("phase mirror"),
  });
  expect(await idsIn(replica)).toEqual([]);
  await execute(
    sql`UPDATE cairn.cutover_tenants SET phase = 'done' WHERE tenant_id = ${replica.tenantId}::uuid RETURNING 1`,
  );
  expect(await run(replica)).toMatchObject({ verdict: "identical" });
});

test("a run waits for the lease of a process that was killed, and is refused while another process renews its lease", async () => {
  const replica = await createFilled(1);
  const lease = (seconds: number) =>
    execute(sql`
      INSERT INTO cairn.cutover_leases (tenant_id, token, leased_until)
      VALUES (${replica.tenantId}::uuid, gen_random_uuid(), now() + ${seconds}::int * interval '1 second')
      ON CONFLICT (tenant_id) DO UPDATE SET leased_until = excluded.leased_until RETURNING 1`);
  await lease(3_600);
  await expect(run(replica)).rejects.toMatchObject({ code: "run_held" });
  await lease(2);
  expect(await run(replica)).toMatchObject({ verdict: "identical" });
  expect(await execute(sql`SELECT 1 FROM cairn.cutover_leases WHERE tenant_id = ${replica.tenantId}::uuid`)).toEqual(
    [],
  );
}, 60_000);
