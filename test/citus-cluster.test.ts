import { readFile } from "node:fs/promises";
import { listInOrder } from "@cairn/chroma/copy/list-in-order.ts";
import { advance, back } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { postponeChanges, readReadyChanges } from "@cairn/chroma/gateway/replicate/changes.ts";
import { changeCollection } from "@cairn/core/collection/change.ts";
import { DEFAULT_COLLECTION } from "@cairn/core/collection/collection.ts";
import { createCollection } from "@cairn/core/collection/create.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin, asTenant } from "@cairn/core/database/transaction.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { updateDocuments } from "@cairn/core/document/update.ts";
import { createJob, getJob } from "@cairn/core/job/job.ts";
import { runJob } from "@cairn/core/job/run.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { captureChanges } from "@cairn/core/replication/capture.ts";
import { type ReplicationRole, setReplicationRole } from "@cairn/core/replication/role.ts";
import { deleteExpired } from "@cairn/core/retention/delete-expired.ts";
import { query } from "@cairn/core/search/query.ts";
import { createTenant, deleteTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { useTestApi } from "./support/api.ts";
import { cairnPeer, chromaOptions } from "./support/chroma-api.ts";
import { clusterUrl, connectCluster } from "./support/database.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { EVERYTHING, records, useGateway } from "./support/gateway.ts";
import { PROBES } from "./support/isolation/probes.ts";
import { seedTwoTenants } from "./support/isolation/seed.ts";

// The service on a real Citus cluster if TEST_CITUS_URL is set: a coordinator's database that is migrated and distributed. All its
// data is deleted.

describe.runIf(clusterUrl)("on a Citus cluster", () => {
  const testDatabase = useTestDatabase(connectCluster);
  const { services } = testDatabase;

  /** Rows of a query by the superuser, who sees all rows. */
  const select = <Row extends object>(text: string) =>
    testDatabase.database.transaction(({ orm }) => orm.selectRows<Row>(sql.raw(text)));

  test("row-level security isolates tenants on every table that they can read", async () => {
    const tenants = await seedTwoTenants(testDatabase.database);
    const failures: string[] = [];
    for (const { claim, check } of PROBES)
      await check(testDatabase.database, tenants).catch((error: unknown) => failures.push(`${claim}: ${error}`));
    // Also refused, with another error: Citus writes such a row with COPY.
    expect(failures).toEqual([expect.stringMatching(/for another tenant .*'0A000' !== '42501'/s)]);
  });

  test("a large collection is indexed, searched, changed and deleted on its tenant's worker", async () => {
    const { database } = testDatabase;
    const { id } = await createTenant(database, { name: "large" });
    await createCollection(database, id, { embeddingModel: "offline/words", dimensions: 64 });
    const documents = Array.from({ length: 1_500 }, (_, n) => ({
      id: `d${n}`,
      content: `kettle number${n}`,
      metadata: { n },
    }));
    await ingest(services, id, { documents });
    await maintainIndexes(database);
    const [row] = await asTenant(database, id, ({ orm }) =>
      orm.selectRows<{ n: number }>(
        sql`SELECT count(*)::int AS n FROM cairn.collection_indexes
            WHERE tenant_id = ${sql.raw(`'${id}'`)}::uuid AND state = 'valid'`,
      ),
    );
    expect(row?.n).toBe(2);
    for (const mode of ["vector", "keyword", "hybrid"] as const) {
      const [first] = await query(services, id, { text: "number41", mode });
      expect(first?.id, mode).toBe("d41");
      const [filtered] = await query(services, id, { text: "number41", mode, filter: { n: { $lt: 100 } } });
      expect(filtered?.id, mode).toBe("d41");
    }
    await ingest(services, id, { documents: [{ id: "d41", content: "a teapot now" }] });
    expect((await query(services, id, { text: "teapot", mode: "hybrid" }))[0]?.id).toBe("d41");
    await deleteDocuments(database, id, { ids: ["d41"] });
    expect((await query(services, id, { text: "teapot" })).map((hit) => hit.id)).not.toContain("d41");
  });

  test("documents are changed, and deleted by id and by conditions on metadata and text", async () => {
    const { database } = testDatabase;
    const { id } = await createTenant(database, { name: "changed" });
    await createCollection(database, id, { embeddingModel: "offline/words", dimensions: 16 });
    const documents = Array.from({ length: 6 }, (_, n) => ({
      id: `d${n}`,
      content: `note ${n === 5 ? "obsolete" : "current"}`,
      metadata: { n, state: "new" },
    }));
    await ingest(services, id, { documents });
    const find = async (filter: object) =>
      (await query(services, id, { text: "note", filter })).map((hit) => hit.id).sort();
    await updateDocuments(database, id, {
      documents: [
        { id: "d0", metadata: { state: "seen" } },
        { id: "d1", metadata: { state: null }, uri: "https://example.com/d1" },
      ],
    });
    expect(await find({ state: "seen" })).toEqual(["d0"]);
    expect(await find({ state: { $exists: false } })).toEqual(["d1"]);
    expect(await deleteDocuments(database, id, { ids: ["d0", "absent"] })).toBe(1);
    expect(await deleteDocuments(database, id, { filter: { state: "new" }, ids: ["d1", "d3"] })).toBe(1);
    expect(await deleteDocuments(database, id, { whereDocument: { $contains: "obsolete" } })).toBe(1);
    expect(await deleteDocuments(database, id, { filter: { n: 4 } })).toBe(1);
    expect(await find({ n: { $gte: 0 } })).toEqual(["d1", "d2"]);
  });

  test("concurrent tenants are spread over the nodes, and each finds its own documents", async () => {
    const { database } = testDatabase;
    const tenants = await Promise.all(
      Array.from({ length: 8 }, (_, n) => createTenant(database, { name: `small ${n}` })),
    );
    await Promise.all(
      tenants.map(async ({ id, name }) => {
        await createCollection(database, id, { embeddingModel: "offline/words", dimensions: 32 });
        await ingest(services, id, { documents: [{ id: "mine", content: `the hours of ${name}` }] });
        const hits = await query(services, id, { text: "hours" });
        expect(hits.map(({ content }) => content)).toEqual([`the hours of ${name}`]);
      }),
    );
    const nodes = await select(
      "SELECT DISTINCT nodeport FROM citus_shards WHERE table_name = 'cairn.documents'::regclass",
    );
    expect(nodes.length).toBeGreaterThan(1);
  });

  test("a deleted tenant leaves no row in any table, on the workers and on the coordinator", async () => {
    const { a, b } = await seedTwoTenants(testDatabase.database, { names: ["deleted", "kept"] });
    await deleteTenant(testDatabase.database, a.tenantId);
    const tables = await select<{ name: string }>(`
      SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_attribute AS t ON t.attrelid = c.oid
      WHERE relnamespace = 'cairn'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND attname = 'tenant_id'`);
    const counts = async (tenantId: string) =>
      Object.fromEntries(
        await Promise.all(
          tables.map(async ({ name }) => {
            const [row] = await select<{ n: number }>(
              `SELECT count(*)::int AS n FROM ${name} WHERE tenant_id = '${tenantId}'`,
            );
            return [name, row?.n] as const;
          }),
        ),
      );
    expect(Object.values(await counts(a.tenantId)).filter((n) => n !== 0)).toEqual([]);
    expect(await counts(b.tenantId)).toMatchObject({
      "cairn.api_keys": 1,
      "cairn.changes": 1,
      "cairn.cutover_tenants": 1,
      "cairn.documents": 2,
      "cairn.jobs": 1,
    });
  });

  test("a job runs to its end, and expired rows are deleted", async () => {
    const { database } = testDatabase;
    const { id: tenantId } = await createTenant(database, { name: "jobs" });
    const { id } = await createJob(database, tenantId, { kind: "double", request: { n: 21 } });
    const double = async (_: unknown, { request }: { readonly request: { n?: unknown } }) => ({
      n: 2 * Number(request.n),
    });
    expect(await runJob(services, { double }, { tenantId, id })).toBe("ended");
    await select(`UPDATE cairn.jobs SET finished_at = now() - interval '29 days' WHERE id = '${id}'`);
    await deleteExpired(database);
    expect(await getJob(database, { tenantId, id })).toMatchObject({ status: "completed", result: { n: 42 } });
    await select(`UPDATE cairn.jobs SET finished_at = now() - interval '31 days' WHERE id = '${id}'`);
    await deleteExpired(database);
    await expect(getJob(database, { tenantId, id })).rejects.toMatchObject({ code: "not_found" });
  });

  test("a tenant moves to another worker, and its documents keep their order", async () => {
    const { database } = testDatabase;
    const { id } = await createTenant(database, { name: "moved" });
    await createCollection(database, id, { embeddingModel: "offline/words", dimensions: 8 });
    const add = (document: string) => ingest(services, id, { documents: [{ id: document, content: "text" }] });
    for (const document of ["z", "y", "x"]) await add(document);
    const guide = await readFile(new URL("../docs/scale.md", import.meta.url), "utf8");
    const [numbering] = /SELECT run_command_on_workers\([\s\S]*?;\n/.exec(guide) ?? [];
    await select(numbering as string);
    const [shard] = await select<{ move: string }>(`
      SELECT format('SELECT citus_move_shard_placement(%s, %L, %s, %L, %s, shard_transfer_mode => ''block_writes'')',
                    s.shardid, s.nodename, s.nodeport, n.nodename, n.nodeport) AS move
      FROM citus_shards AS s JOIN pg_dist_node AS n ON n.nodeport <> s.nodeport AND n.shouldhaveshards
      WHERE s.shardid = get_shard_id_for_distribution_column('cairn.collections', '${id}'::uuid) LIMIT 1`);
    await database.maintain([shard?.move as string]);
    for (const document of ["w", "v"]) await add(document);
    const listed: string[] = [];
    for await (const ids of listInOrder(database, await getCollection(database, id), 2)) listed.push(...ids);
    expect(listed).toEqual(["z", "y", "x", "w", "v"]);
    const filtered = await query(services, id, { text: "text", filter: { missing: { $exists: false } } });
    expect(filtered).toHaveLength(5);
  });

  describe("Chroma's API", () => {
    const api = useTestApi(testDatabase, () => chromaOptions());

    test("adds, changes, finds and deletes records and collections", async () => {
      const { key } = await api.addTenant("chroma-user");
      const peer = cairnPeer(api, key);
      const send = async (method: string, path: string, body?: unknown) => {
        const { status, text } = await peer.request(
          method,
          `/api/v2/tenants/default_tenant/databases/default_database${path}`,
          body,
        );
        return { status, body: text === "" ? undefined : JSON.parse(text) };
      };
      const { body: collection } = await send("POST", "/collections", { name: "records" });
      const at = `/collections/${collection.id}`;
      expect(await send("POST", `${at}/add`, records("c", "a", "b"))).toMatchObject({ status: 201 });
      const changed = { ids: ["a"], documents: ["changed"], metadatas: [{ n: 3, whole: null }] };
      expect(await send("POST", `${at}/update`, changed)).toMatchObject({ status: 200 });
      await send("POST", `${at}/upsert`, records("b", "d"));
      expect((await send("POST", `${at}/get`, {})).body.ids).toEqual(["c", "a", "b", "d"]);
      const found = await send("POST", `${at}/get`, { where: { n: 3 }, include: ["documents", "metadatas"] });
      expect(found.body).toMatchObject({ ids: ["a"], documents: ["changed"], metadatas: [{ id: "a", n: 3 }] });
      const hits = await send("POST", `${at}/query`, {
        query_embeddings: [[1, 1, 0.5]],
        n_results: 4,
        where: { n: 2 },
        where_document: { $contains: "text of" },
      });
      expect(hits.body.ids[0].toSorted()).toEqual(["b", "c", "d"]);
      await send("POST", `${at}/delete`, { ids: ["c"] });
      await send("POST", `${at}/delete`, { where: { id: "d" } });
      await send("POST", `${at}/delete`, { where_document: { $contains: "changed" } });
      expect((await send("POST", `${at}/get`, {})).body.ids).toEqual(["b"]);
      expect((await send("GET", `${at}/count`)).body).toBe(1);
      await send("PUT", at, { new_name: "renamed" });
      expect((await send("GET", "/collections")).body).toMatchObject([{ name: "renamed" }]);
      await send("DELETE", "/collections/renamed");
      expect((await send("GET", "/collections")).body).toEqual([]);
    });
  });

  describe("capture", () => {
    const readChanges = (database: Database, tenantId: string) =>
      asAdmin(database, ({ orm }) =>
        orm.selectRows<{ ids: string[] | null; deletes: boolean }>(
          sql`SELECT ids, deletes FROM cairn.changes WHERE tenant_id = ${tenantId}::uuid ORDER BY sequence`,
        ),
      );
    const setRole = (database: Database, tenantId: string, role: ReplicationRole) =>
      asTenant(database, tenantId, ({ orm }) => setReplicationRole(orm, tenantId, role));

    test("a source records its changes in the transaction of the write, on its worker; a replica takes no writes", async () => {
      const { database } = testDatabase;
      const { id } = await createTenant(database, { name: "source" });
      await createCollection(database, id, { embeddingModel: "offline/words", dimensions: 8 });
      const put = (...ids: string[]) =>
        ingest(services, id, { documents: ids.map((document) => ({ id: document, content: document })) });
      const deleted = ["x", "y", "z"];
      await put(...deleted);
      const writes = [
        () => put("a", "b"),
        () => updateDocuments(database, id, { documents: [{ id: "b", metadata: { n: 1 } }] }),
        () => deleteDocuments(database, id, { ids: [deleted.shift() as string] }),
        () => changeCollection(database, id, DEFAULT_COLLECTION, { metadata: { k: 1 } }),
      ];
      for (const write of writes) await write();
      expect(await readChanges(database, id)).toEqual([]);
      await setRole(database, id, "source");
      for (const write of writes) await write();
      const recorded = [
        { ids: ["a", "b"], deletes: false },
        { ids: ["b"], deletes: false },
        { ids: ["y"], deletes: true },
        { ids: null, deletes: false },
      ];
      expect(await readChanges(database, id)).toEqual(recorded);
      const collection = await getCollection(database, id);
      const undone = asTenant(database, id, async (transaction) => {
        await captureChanges(transaction, collection, ["c"]);
        throw new Error("afterwards");
      });
      await expect(undone).rejects.toThrow("afterwards");
      await setRole(database, id, "replica");
      for (const write of writes) await expect(write()).rejects.toMatchObject({ code: "read_only_replica" });
      expect(await readChanges(database, id)).toEqual(recorded);
      const nodes = await select(`
        SELECT DISTINCT nodeport FROM citus_shards WHERE shardid IN (
          get_shard_id_for_distribution_column('cairn.changes', '${id}'::uuid),
          get_shard_id_for_distribution_column('cairn.documents', '${id}'::uuid))`);
      expect(nodes).toHaveLength(1);
    });

    test("a change that failed is tried again later, and the others now", async () => {
      const { database } = testDatabase;
      const { id } = await createTenant(database, { name: "failing" });
      await createCollection(database, id, { embeddingModel: "offline/words", dimensions: 8 });
      await setRole(database, id, "source");
      for (const document of ["a", "b"]) await ingest(services, id, { documents: [{ id: document, content: "text" }] });
      const [first, second] = await readReadyChanges(database, id);
      await postponeChanges(database, id, { changes: [first as NonNullable<typeof first>], failure: "refused" });
      expect(await readReadyChanges(database, id)).toEqual([second]);
    });
  });

  describe("the gateway", () => {
    const gateway = useGateway(testDatabase);
    const { send, sendToChroma, create, enter, errors, namespace } = gateway;

    test("a tenant moves from Chroma to Cairn and back, and both sides have every write in its order", async () => {
      const { database } = testDatabase;
      const at = await create("tenant_acme_faq");
      await send("POST", `${at}/add`, records("z", "one"));
      expect(await advance(database, "acme", { namespace })).toMatchObject({ phase: "mirror" });
      await send("POST", `${at}/add`, records("two"));
      await send("POST", `${at}/upsert`, { ...records("one"), documents: ["changed"] });
      await send("POST", `${at}/delete`, { ids: ["z"] });
      await send("POST", `${at}/add`, records("z"));
      expect(await enter("acme")).toMatchObject({ phase: "shadow", compared: { identical: true, collections: 1 } });
      for (let i = 0; i < 3; i++) {
        await send("POST", `${at}/query`, { query_embeddings: [[1, 3, 0.5]], n_results: 2 });
        await send("POST", `${at}/get`, EVERYTHING);
      }
      const inChroma = await send("POST", `${at}/get`, EVERYTHING);
      expect(inChroma.body.ids).toEqual(["one", "two", "z"]);
      expect(await enter("acme", { minReads: 3 })).toMatchObject({ phase: "cairn" });

      expect(await send("POST", `${at}/get`, EVERYTHING)).toEqual(inChroma);
      await send("POST", `${at}/add`, records("a"));
      await send("POST", `${at}/delete`, { where: { id: "two" } });
      const notes = await create("tenant_acme_notes");
      await send("POST", `${notes}/add`, records("note"));
      const inCairn = await send("POST", `${at}/get`, EVERYTHING);
      expect(inCairn.body.ids).toEqual(["one", "z", "a"]);

      expect(await back(database, "acme")).toMatchObject({ phase: "shadow" });
      expect(await sendToChroma("POST", `${at}/get`, EVERYTHING)).toEqual(inCairn);
      expect(await back(database, "acme", { to: "chroma" })).toMatchObject({ phase: "chroma" });
      expect((await send("POST", `${notes}/get`, {})).body.ids).toEqual(["note"]);
      expect(
        await select(
          "SELECT 1 FROM cairn.changes AS c JOIN cairn.tenants AS t ON t.id = c.tenant_id WHERE t.name = 'acme'",
        ),
      ).toEqual([]);
      expect(errors).toEqual([]);
    });
  });
});
