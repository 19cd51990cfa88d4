import assert from "node:assert/strict";
import { acquireRun, finishRun } from "@cairn/chroma/ledger/run.ts";
import { createRoutedViews } from "@cairn/chroma/server/view/routed.ts";
import { changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { createCollection } from "@cairn/core/collection/create.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { asAdmin, asTenant } from "@cairn/core/database/transaction.ts";
import { countDocuments } from "@cairn/core/document/count.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { getDocuments, listDocuments } from "@cairn/core/document/list.ts";
import { updateDocuments } from "@cairn/core/document/update.ts";
import { AppError } from "@cairn/core/error.ts";
import { createJob, getJob, listJobs } from "@cairn/core/job/job.ts";
import { withLease } from "@cairn/core/maintenance/lease.ts";
import { collectionStats } from "@cairn/core/maintenance/stats.ts";
import { setReplicationRole } from "@cairn/core/replication/role.ts";
import { query, queryMany } from "@cairn/core/search/query.ts";
import { createApiKey, listApiKeys, revokeApiKey } from "@cairn/core/tenant/api-key.ts";
import { authenticateKey } from "@cairn/core/tenant/authenticate-key.ts";
import { createNamespace, deleteNamespace } from "@cairn/core/tenant/namespace.ts";
import { createTenant, deleteTenant, getTenant, listTenants } from "@cairn/core/tenant/tenant.ts";
import { addCounts } from "@cairn/core/usage/add-counts.ts";
import { sql } from "drizzle-orm";
import { offlineServices } from "../services.ts";
import { assertRefused, count, type Probe, table, uuid } from "./probe.ts";

export const SAME_ERROR: Probe = {
  claim: "every function returns the same error for another tenant's collection as for a missing one",
  check: async (database, { a, b }) => {
    const services = offlineServices(database);
    const missing = "00000000-1111-2222-3333-444444444444";
    const embedding = new Float32Array([1, 0, 0, 0]);
    const calls: Record<string, (collection: string) => Promise<unknown>> = {
      getCollection: (id) => getCollection(database, a.tenantId, id),
      getDocuments: (collection) => getDocuments(database, a.tenantId, { collection, ids: ["first"] }),
      listDocuments: (collection) => listDocuments(database, a.tenantId, { collection }),
      countDocuments: (collection) => countDocuments(database, a.tenantId, { collection }),
      deleteDocuments: (collection) => deleteDocuments(database, a.tenantId, { collection, ids: ["first"] }),
      updateDocuments: (collection) =>
        updateDocuments(database, a.tenantId, { collection, documents: [{ id: "first", metadata: { a: 1 } }] }),
      queryByText: (collection) => query(services, a.tenantId, { collection, text: "document" }),
      queryByVector: (collection) => query(services, a.tenantId, { collection, embedding }),
      queryByWords: (collection) => query(services, a.tenantId, { collection, text: "document", mode: "keyword" }),
      queryByBoth: (collection) => query(services, a.tenantId, { collection, text: "document", mode: "hybrid" }),
      queryMany: (collection) =>
        queryMany(services, a.tenantId, { collection, queries: [{ text: "first" }, { text: "second" }] }),
      queryOfWrongSize: (collection) => query(services, a.tenantId, { collection, embedding: embedding.subarray(1) }),
      ingest: (collection) =>
        ingest(services, a.tenantId, { collection, documents: [{ id: "x", content: null, embedding }] }),
      changeCollection: (id) => changeCollection(database, a.tenantId, id, { name: "mine" }),
      deleteCollection: (id) => deleteCollection(database, a.tenantId, id),
    };
    for (const [name, call] of Object.entries(calls)) {
      const [foreign, none] = [await outcomeOf(call, b.collectionId), await outcomeOf(call, missing)];
      assert.equal(none.code, "not_found", name);
      assert.deepEqual(foreign, none, name);
    }
    assert.equal((await countDocuments(database, b.tenantId)).documents, 2);
  },
};

async function outcomeOf(call: (id: string) => Promise<unknown>, id: string) {
  try {
    return { code: "succeeded", message: JSON.stringify(await call(id)) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { code: error.code, path: error.path, message: error.message.replaceAll(id, "<id>") };
  }
}

export const TENANT_WORKS: Probe = {
  claim: "a tenant can create collections, ingest, query, list, update, change and delete",
  check: async (database, { a }) => {
    const services = offlineServices(database);
    await createCollection(database, a.tenantId, {
      name: "work",
      embeddingModel: "offline/words",
      dimensions: 16,
    });
    const documents = [
      { id: "returns", content: "thirty days to return a kettle" },
      { id: "shipping", content: "shipping takes two weeks" },
    ];
    await ingest(services, a.tenantId, { collection: "work", documents });
    const hits = await query(services, a.tenantId, { collection: "work", text: "return a kettle" });
    assert.deepEqual(
      hits.map(({ id }) => id),
      ["returns", "shipping"],
    );
    const words = await query(services, a.tenantId, { collection: "work", text: "weeks", mode: "keyword" });
    assert.deepEqual(
      words.map(({ id }) => id),
      ["shipping"],
    );
    assert.equal((await listDocuments(database, a.tenantId, { collection: "work" })).documents.length, 2);
    assert.equal((await collectionStats(database, a.tenantId)).find((s) => s.collection === "work")?.vectors, 2);
    const update = { id: "returns", metadata: { topic: "returns" } };
    const updated = await updateDocuments(database, a.tenantId, { collection: "work", documents: [update] });
    assert.deepEqual(updated, { updated: 1, missing: [] });
    assert.equal(await deleteDocuments(database, a.tenantId, { collection: "work", ids: ["returns"] }), 1);
    await changeCollection(database, a.tenantId, "work", { name: "done" });
    await deleteCollection(database, a.tenantId, "done");
  },
};

export const ADMIN_WORKS: Probe = {
  claim:
    "the administrator can create, find, list and delete tenants and count their usage, and deleting a tenant deletes its rows",
  check: async (database, { b }) => {
    const { id } = await createTenant(database, { name: "for a moment" });
    await createCollection(database, id, { embeddingModel: null });
    assert.equal((await getTenant(database, "for a moment")).id, id);
    assert.ok((await listTenants(database)).some((tenant) => tenant.id === b.tenantId));
    await addCounts(database, [{ tenantId: id, day: "2026-11-30", kind: "searches", model: "", n: 2 }]);
    const used = sql`SELECT 1 FROM cairn.usage_days WHERE tenant_id = ${uuid(id)} AND n = 2`;
    assert.equal(await asAdmin(database, ({ orm }) => count(orm, used)), 1, "the usage was not counted");
    await deleteTenant(database, id);
    await assert.rejects(getTenant(database, id), { code: "not_found" });
  },
};

export const LEDGER_WORKS: Probe = {
  claim: "the administrator can write and read every table of the run ledger",
  check: async (database, { a }) => {
    const run = await acquireRun(database, `http://probe/${crypto.randomUUID()}`, {});
    await asAdmin(database, async ({ orm }) => {
      await orm.execute(sql`
        INSERT INTO cairn.migration_collections
          (run_id, source_id, source_tenant, source_database, source_name, tenant_id, collection_id, vectors, why, fresh)
        VALUES (${run.id}::uuid, 'c', 't', 'd', 'n', ${uuid(a.tenantId)}, ${uuid(a.collectionId)}, 'copy', '', true)`);
      await orm.execute(sql`
        INSERT INTO cairn.migration_exceptions (run_id, source_id, id_hash, kind, id, pass, detail)
        VALUES (${run.id}::uuid, 'c', '\\x00', 'missing', 'x', 1, '')`);
      for (const name of ["migration_collections", "migration_exceptions"])
        assert.equal(await count(orm, sql`SELECT 1 FROM ${table(name)} WHERE run_id = ${run.id}::uuid`), 1, name);
    });
    await finishRun(database, run, "complete");
  },
};

export const NAMESPACES_WORK: Probe = {
  claim:
    "the administrator can write and read every table of a namespace, and deleting a namespace deletes its rows and keys",
  check: async (database, { a }) => {
    const namespace = await createNamespace(database, { name: `probe ${crypto.randomUUID()}`, settings: {} });
    const view = createRoutedViews()({ database, namespace, scopes: ["read", "write"] });
    const path = { tenant: "acme", database: "main" };
    assert.ok(await view.createTenant(path.tenant));
    assert.ok(await view.createDatabase(path));
    await view.register(path, { name: "faq", tenantId: a.tenantId, collectionId: a.collectionId });
    assert.equal((await view.listCollections(path))?.length, 1);
    const { secret } = await createApiKey(database, { namespaceId: namespace.id });
    assert.equal((await authenticateKey(database, secret))?.namespace?.id, namespace.id);
    await deleteNamespace(database, namespace.id);
    assert.equal(await authenticateKey(database, secret), undefined);
    for (const name of ["namespace_tenants", "namespace_databases", "namespace_collections"])
      await asAdmin(database, async ({ orm }) => {
        const rows = sql`SELECT 1 FROM ${table(name)} WHERE namespace_id = ${uuid(namespace.id)}`;
        assert.equal(await count(orm, rows), 0, name);
      });
  },
};

export const CUTOVER_WORKS: Probe = {
  claim:
    "the administrator can write and read every table of the cut-over, and a tenant records changes of its own collections only",
  check: async (database, { a, b }) => {
    const changes = () =>
      asAdmin(database, ({ orm }) =>
        count(orm, sql`SELECT 1 FROM cairn.changes WHERE tenant_id = ${uuid(a.tenantId)}`),
      );
    const setRole = (role: "source" | null) =>
      asTenant(database, a.tenantId, ({ orm }) => setReplicationRole(orm, a.tenantId, role));
    const before = await changes();
    await setRole("source");
    await updateDocuments(database, a.tenantId, { documents: [{ id: "first", metadata: { seen: true } }] });
    await setRole(null);
    assert.equal(await changes(), before + 1);
    const planted = sql`INSERT INTO cairn.changes (tenant_id, ids) VALUES (${uuid(b.tenantId)}, '{first}')`;
    await assertRefused(
      asTenant(database, a.tenantId, ({ orm }) => orm.execute(planted)),
      "A recorded a change for B",
    );
    await asAdmin(database, async ({ orm }) => {
      for (const [name, columns, values] of CUTOVER_ROWS) {
        const rows = sql`FROM ${table(name)} WHERE tenant_id = ${uuid(a.tenantId)}`;
        if (columns !== "")
          await orm.execute(sql`
            INSERT INTO ${table(name)} (tenant_id, ${sql.raw(columns)}) VALUES (${uuid(a.tenantId)}, ${sql.raw(values)})`);
        assert.equal(await count(orm, sql`SELECT 1 ${rows}`), 1, name);
        if (columns !== "") await orm.execute(sql`DELETE ${rows}`);
      }
    });
  },
};

/** A row of each table of the cut-over. Without columns: one is seeded. */
const CUTOVER_ROWS = [
  ["cutover_tenants", "", ""],
  [
    "cutover_collections",
    "collection_id, chroma_id, chroma_tenant, chroma_database, name",
    "gen_random_uuid(), gen_random_uuid(), 't', 'd', 'n'",
  ],
  ["cutover_leases", "token, leased_until", "gen_random_uuid(), now()"],
  ["cutover_events", "from_phase, to_phase", "'chroma', 'mirror'"],
  ["cutover_findings", "collection_id, kind, side, detail", "gen_random_uuid(), 'refused', 'chroma', ''"],
  ["cutover_requests", "minute, kind, side, outcome, requests, latency", "now(), 'write', 'cairn', 'ok', 1, '{1}'"],
  ["cutover_disagreements", "collection_id, kind, agreement, detail", "gen_random_uuid(), 'get', 0, '{}'"],
] as const;

export const START_UP: Probe = {
  claim: "the service's isolation check at start-up passes",
  check: (database) => assertIsolation(database),
};

export const LEASES: Probe = {
  claim: "only one process at a time has the maintenance lease",
  check: async (database) => {
    const name = `probe ${crypto.randomUUID()}`;
    const nested = await withLease(database, name, () => withLease(database, name, async () => "both"));
    assert.deepEqual(nested, { result: undefined });
    assert.deepEqual(await withLease(database, name, async () => "the next"), { result: "the next" });
  },
};

export const KEYS: Probe = {
  claim: "a key authenticates its own tenant, and another tenant's keys and jobs cannot be listed, read or revoked",
  check: async (database, { a, b }) => {
    const { secret } = await createApiKey(database, a.tenantId);
    assert.equal((await authenticateKey(database, secret))?.tenantId, a.tenantId);
    const own = await listApiKeys(database, a.tenantId);
    assert.ok(own.length > 0 && own.every(({ tenantId }) => tenantId === a.tenantId));
    const [foreign] = await listApiKeys(database, b.tenantId);
    await assert.rejects(revokeApiKey(database, a.tenantId, foreign?.id ?? ""), { code: "not_found" });
    const [job] = await listJobs(database, b.tenantId);
    assert.ok(job, "B cannot list its own job");
    await assert.rejects(getJob(database, { tenantId: a.tenantId, id: job.id }), { code: "not_found" });
    // The operator creates keys for all tenants and sees no tenant's jobs.
    const operatorKey = await createApiKey(database, null);
    assert.equal((await authenticateKey(database, operatorKey.secret))?.tenantId, null);
    await createJob(database, null, { kind: "probe", request: {} });
    assert.ok((await listJobs(database, null)).every(({ tenantId }) => tenantId === null));
    await asAdmin(database, async ({ orm }) => {
      assert.equal(await count(orm, sql`SELECT 1 FROM cairn.jobs WHERE tenant_id IS NOT NULL`), 0);
      // Only the administrator can list waiting jobs, and sees only their ids.
      const waiting = sql`SELECT id FROM cairn.waiting_jobs(NULL, '{}', 100, -60, 1000) WHERE id = ${job.id}::uuid`;
      assert.equal(await count(orm, waiting), 1, "the administrator does not find B's waiting job");
    });
    await assertRefused(
      asTenant(database, a.tenantId, ({ orm }) =>
        orm.execute(sql`SELECT id FROM cairn.waiting_jobs(NULL, '{}', 100, -60, 1000)`),
      ),
      "a tenant listed other tenants' waiting jobs",
    );
    const planted = sql`INSERT INTO cairn.jobs (tenant_id, kind) VALUES (${uuid(a.tenantId)}, 'planted')`;
    await assertRefused(
      asAdmin(database, ({ orm }) => orm.execute(planted)),
      "the operator created a job for a tenant",
    );
  },
};
