import assert from "node:assert/strict";
import { acquireRun, finishRun } from "@cairn/chroma/ledger/run.ts";
import { changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { createCollection } from "@cairn/core/collection/create.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import type { Database, Orm } from "@cairn/core/database/database.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asAdmin, asTenant } from "@cairn/core/database/transaction.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { countDocuments, getDocuments, listDocuments } from "@cairn/core/document/list.ts";
import { AppError } from "@cairn/core/error.ts";
import { createJob, getJob, listJobs } from "@cairn/core/job/job.ts";
import { withLease } from "@cairn/core/maintenance/lease.ts";
import { collectionStats } from "@cairn/core/maintenance/stats.ts";
import { query, queryMany } from "@cairn/core/search/query.ts";
import { createApiKey, findKeyHolder, listApiKeys, revokeApiKey } from "@cairn/core/tenant/api-key.ts";
import { createTenant, deleteTenant, getTenant, listTenants } from "@cairn/core/tenant/tenant.ts";
import { type SQL, sql } from "drizzle-orm";
import { offlineServices } from "./services.ts";

/** Two tenants with rows in every table that a tenant can reach. */
export interface TwoTenants {
  readonly a: SeededTenant;
  readonly b: SeededTenant;
}

export interface SeededTenant {
  readonly tenantId: string;
  readonly collectionId: string;
}

/** A claim about isolation or about normal use: throws where it does not hold. */
export interface Probe {
  readonly claim: string;
  readonly check: (database: Database, tenants: TwoTenants) => Promise<void>;
}

export async function seedTwoTenants(database: Database): Promise<TwoTenants> {
  return { a: await seedTenant(database, "a"), b: await seedTenant(database, "b") };
}

async function seedTenant(database: Database, name: string): Promise<SeededTenant> {
  const { id: tenantId } = await createTenant(database, { name });
  const { id: collectionId } = await createCollection(database, tenantId, {
    embeddingModel: "offline/words",
    dimensions: 4,
  });
  const documents = ["first", "second"].map((id) => ({ id, content: `${name}'s ${id} document` }));
  await ingest(offlineServices(database), tenantId, { documents });
  await asTenant(database, tenantId, async ({ orm }) => {
    await orm.execute(sql`INSERT INTO cairn.embedding_cache (tenant_id, model, dimensions, content_hash, embedding)
                          VALUES (${tenantId}::uuid, 'openai/m', 2, '\\x00', '[1,2]')`);
    await orm.execute(sql`
      INSERT INTO cairn.collection_indexes
        (tenant_id, collection_id, name, kind, first_segment, last_segment, settings, state, rows)
      VALUES (${tenantId}::uuid, ${collectionId}::uuid, 'gone', 'vector', 0, 0, '{}', 'retired', 0)`);
    await orm.execute(
      sql`INSERT INTO cairn.embedding_usage (tenant_id, day, tokens) VALUES (${tenantId}::uuid, '2020-01-01', 1)`,
    );
    await orm.execute(sql`
      INSERT INTO cairn.idempotency_keys (tenant_id, key, fingerprint, holder, held_until)
      VALUES (${tenantId}::uuid, 'k', '\\x00', gen_random_uuid(), now())`);
  });
  await createApiKey(database, tenantId, { name: "seeded" });
  await createJob(database, tenantId, { kind: "seeded", request: {} });
  return { tenantId, collectionId };
}

/** What the role may SELECT in the schema, from the catalog: a table that is added later is probed as well. */
export function readableTables(database: Database, role: "cairn_app" | "cairn_admin"): Promise<string[]> {
  return database.transaction(async ({ orm }) => {
    const tables = await selectRows<{ name: string }>(
      orm,
      sql`SELECT relname AS name FROM pg_class
          WHERE relnamespace = 'cairn'::regnamespace AND relkind NOT IN ('i', 'I', 'S', 't', 'c')
            AND has_table_privilege(${role}, oid, 'SELECT') ORDER BY 1`,
    );
    return tables.map(({ name }) => name);
  });
}

const app = "cairn_app";
const table = (name: string) => sql.raw(`cairn.${name}`);
const owner = (name: string) => sql.raw(name === "tenants" ? "id" : "tenant_id");
const uuid = (id: string) => sql`${id}::uuid`;

async function count(orm: Orm, statement: SQL): Promise<number> {
  const [row] = await selectRows<{ n: number }>(
    orm,
    sql`SELECT count(*)::int AS n FROM (${statement}) AS rows`,
  );
  return row?.n ?? Number.NaN;
}

/** Rows that a data-modifying statement touched. */
async function affected(orm: Orm, statement: SQL): Promise<number> {
  const [row] = await selectRows<{ n: number }>(
    orm,
    sql`WITH touched AS (${statement} RETURNING 1) SELECT count(*)::int AS n FROM touched`,
  );
  return row?.n ?? Number.NaN;
}

/** Fails unless Postgres itself refuses: SQLSTATE 42501, a missing right or a row that its policy forbids. */
async function refused(attempt: Promise<unknown>, what: string): Promise<void> {
  const outcome = await attempt.then(
    () => "was allowed",
    (error: unknown) =>
      error instanceof AppError ? (error.cause as { sqlstate?: string }).sqlstate : String(error),
  );
  assert.equal(outcome, "42501", what);
}

async function everyTable(database: Database, check: (name: string) => Promise<void>): Promise<void> {
  for (const name of await readableTables(database, app)) await check(name);
}

const SELECTS: Probe = {
  claim: "a tenant sees its own rows and no other's, in every table, without any predicate",
  check: (database, { a, b }) =>
    everyTable(database, (name) =>
      asTenant(database, a.tenantId, async ({ orm }) => {
        const own = await count(
          orm,
          sql`SELECT 1 FROM ${table(name)} WHERE ${owner(name)} = ${uuid(a.tenantId)}`,
        );
        assert.ok(
          own > 0,
          `A sees nothing of its own in ${name}; seed it in isolation-probes.ts if it is new`,
        );
        assert.equal(
          await count(orm, sql`SELECT 1 FROM ${table(name)}`),
          own,
          `A sees more than its own in ${name}`,
        );
        const foreign = sql`SELECT 1 FROM ${table(name)} WHERE ${owner(name)} = ${uuid(b.tenantId)}`;
        assert.equal(await count(orm, foreign), 0, `A sees B's rows in ${name}`);
      }),
    ),
};

const CHANGES: Probe = {
  claim: "a tenant cannot change or delete another's rows by their keys",
  check: (database, { a, b }) =>
    everyTable(database, async (name) => {
      const where = sql`${owner(name)} = ${uuid(b.tenantId)}`;
      const update = sql`UPDATE ${table(name)} SET created_at = now() WHERE ${where}`;
      const remove = sql`DELETE FROM ${table(name)} WHERE ${where}`;
      for (const statement of [update, remove]) {
        const attempt = asTenant(database, a.tenantId, ({ orm }) => affected(orm, statement));
        if (name === "tenants") await refused(attempt, "a tenant may not write to tenants at all");
        else assert.equal(await attempt, 0, `A touched B's rows in ${name}`);
      }
    }),
};

const INSERTS: Probe = {
  claim: "a tenant can neither insert a row under another's name nor hand one over",
  check: (database, { a, b }) =>
    everyTable(database, async (name) => {
      const asB = sql`jsonb_build_object(${sql.raw(name === "tenants" ? "'id'" : "'tenant_id'")}, ${b.tenantId}::text)`;
      const insert = sql`INSERT INTO ${table(name)} SELECT (jsonb_populate_record(x, ${asB})).* FROM ${table(name)} AS x LIMIT 1`;
      const handOver = sql`UPDATE ${table(name)} SET ${owner(name)} = ${uuid(b.tenantId)}`;
      for (const statement of [insert, handOver])
        await refused(
          asTenant(database, a.tenantId, ({ orm }) => orm.execute(statement)),
          `A wrote a row of B's into ${name}`,
        );
    }),
};

const REST: Probe = {
  claim: "a tenant is refused every other table of the schema: partitions, ledger, history",
  check: async (database, { a }) => {
    const readable = new Set(await readableTables(database, app));
    const all = await database.transaction(({ orm }) =>
      selectRows<{ name: string; leaf: boolean }>(
        orm,
        sql`SELECT relname AS name, relispartition AS leaf FROM pg_class
            WHERE relnamespace = 'cairn'::regnamespace AND relkind IN ('r', 'p')`,
      ),
    );
    const closed = all.filter(({ name }) => !readable.has(name));
    assert.equal(all.filter(({ leaf }) => leaf).length, 32);
    assert.ok(
      all.every(({ name, leaf }) => !leaf || !readable.has(name)),
      "a partition is readable by itself",
    );
    for (const { name } of closed.filter(({ name, leaf }) => !leaf || name.endsWith("0")))
      for (const statement of [sql`SELECT 1 FROM ${table(name)}`, sql`DELETE FROM ${table(name)}`])
        await refused(
          asTenant(database, a.tenantId, ({ orm }) => orm.execute(statement)),
          `a tenant reached ${name}`,
        );
  },
};

const NOBODY: Probe = {
  claim:
    "after a tenant's transaction nothing of it is left, and a transaction without a tenant sees nothing",
  check: async (database, { a }) => {
    await asTenant(database, a.tenantId, ({ orm }) => count(orm, sql`SELECT 1 FROM cairn.documents`));
    const [left] = await database.transaction(({ orm }) =>
      selectRows(
        orm,
        sql`SELECT coalesce(current_setting('cairn.tenant_id', true), '') AS tenant,
                   current_user = session_user AS login`,
      ),
    );
    assert.deepEqual(left, { tenant: "", login: true });
    await everyTable(database, (name) =>
      database.transaction(async ({ orm }) => {
        await orm.execute(sql`SELECT set_config('role', 'cairn_app', true)`);
        assert.equal(await count(orm, sql`SELECT 1 FROM ${table(name)}`), 0, `nobody sees rows in ${name}`);
      }),
    );
  },
};

const ADMIN_READS: Probe = {
  claim: "the administrator cannot read a collection, a document or a cached embedding",
  check: async (database) => {
    for (const name of await readableTables(database, app)) {
      if (name === "tenants" || name === "api_keys" || name === "jobs") continue;
      await refused(
        asAdmin(database, ({ orm }) => orm.execute(sql`SELECT 1 FROM ${table(name)}`)),
        `the administrator read ${name}`,
      );
    }
  },
};

const SAME_ANSWER: Probe = {
  claim: "every function answers another tenant's collection exactly as one that does not exist",
  check: async (database, { a, b }) => {
    const services = offlineServices(database);
    const missing = "00000000-1111-2222-3333-444444444444";
    const embedding = new Float32Array([1, 0, 0, 0]);
    const calls: Record<string, (collection: string) => Promise<unknown>> = {
      getCollection: (id) => getCollection(database, a.tenantId, id),
      getDocuments: (collection) => getDocuments(database, a.tenantId, { collection, ids: ["first"] }),
      listDocuments: (collection) => listDocuments(database, a.tenantId, { collection }),
      countDocuments: (id) => countDocuments(database, a.tenantId, id),
      deleteDocuments: (collection) => deleteDocuments(database, a.tenantId, { collection, ids: ["first"] }),
      queryByText: (collection) => query(services, a.tenantId, { collection, text: "document" }),
      queryByVector: (collection) => query(services, a.tenantId, { collection, embedding }),
      queryByWords: (collection) =>
        query(services, a.tenantId, { collection, text: "document", mode: "keyword" }),
      queryByBoth: (collection) =>
        query(services, a.tenantId, { collection, text: "document", mode: "hybrid" }),
      queryMany: (collection) =>
        queryMany(services, a.tenantId, { collection, queries: [{ text: "first" }, { text: "second" }] }),
      queryOfWrongSize: (collection) =>
        query(services, a.tenantId, { collection, embedding: embedding.subarray(1) }),
      ingest: (collection) =>
        ingest(services, a.tenantId, { collection, documents: [{ id: "x", content: null, embedding }] }),
      changeCollection: (id) => changeCollection(database, a.tenantId, id, { name: "mine" }),
      deleteCollection: (id) => deleteCollection(database, a.tenantId, id),
    };
    for (const [name, call] of Object.entries(calls)) {
      const [foreign, none] = [await answer(call, b.collectionId), await answer(call, missing)];
      assert.equal(none.code, "not_found", name);
      assert.deepEqual(foreign, none, name);
    }
    assert.equal((await countDocuments(database, b.tenantId)).documents, 2);
  },
};

async function answer(call: (id: string) => Promise<unknown>, id: string) {
  try {
    return { code: "answered", message: JSON.stringify(await call(id)) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { code: error.code, path: error.path, message: error.message.replaceAll(id, "<id>") };
  }
}

const POSTINGS: Probe = {
  claim: "the index of words answers a tenant about its own rows, and nobody else at all",
  check: async (database, { a, b }) => {
    const found = (collectionId: string) =>
      sql`SELECT 1 FROM cairn.keyword_postings(${uuid(collectionId)}, 'english', '{first}', '{0}', '{0}', 10)`;
    await asTenant(database, a.tenantId, async ({ orm }) => {
      assert.equal(await count(orm, found(a.collectionId)), 1, "A does not find its own word");
      assert.equal(await count(orm, found(b.collectionId)), 0, "A finds B's word");
    });
    await database.transaction(async ({ orm }) => {
      await orm.execute(sql`SELECT set_config('role', 'cairn_app', true)`);
      assert.equal(await count(orm, found(a.collectionId)), 0, "nobody finds A's word");
    });
    await refused(
      asAdmin(database, ({ orm }) => orm.execute(found(a.collectionId))),
      "the administrator searched a tenant's words",
    );
  },
};

const TENANT_WORKS: Probe = {
  claim: "a tenant can do its work: collections, ingest, query, list, change, delete",
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
    assert.equal(
      (await collectionStats(database, a.tenantId)).find((s) => s.collection === "work")?.vectors,
      2,
    );
    assert.equal(await deleteDocuments(database, a.tenantId, { collection: "work", ids: ["returns"] }), 1);
    await changeCollection(database, a.tenantId, "work", { name: "done" });
    await deleteCollection(database, a.tenantId, "done");
  },
};

const ADMIN_WORKS: Probe = {
  claim: "the administrator can make, find, list and delete tenants, and a deleted tenant's rows go with it",
  check: async (database, { b }) => {
    const { id } = await createTenant(database, { name: "for a moment" });
    await createCollection(database, id, { embeddingModel: null });
    assert.equal((await getTenant(database, "for a moment")).id, id);
    assert.ok((await listTenants(database)).some((tenant) => tenant.id === b.tenantId));
    await deleteTenant(database, id);
    await assert.rejects(getTenant(database, id), { code: "not_found" });
  },
};

const LEDGER_WORKS: Probe = {
  claim: "the migration ledger can be written and read, every table of it",
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
        assert.equal(
          await count(orm, sql`SELECT 1 FROM ${table(name)} WHERE run_id = ${run.id}::uuid`),
          1,
          name,
        );
    });
    await finishRun(database, run, "complete");
  },
};

const START_UP: Probe = {
  claim: "the service's own check at start-up agrees",
  check: (database) => assertIsolation(database),
};

const LEASES: Probe = {
  claim: "maintenance is leased to one at a time",
  check: async (database) => {
    const name = `probe ${crypto.randomUUID()}`;
    const held = await withLease(database, name, () => withLease(database, name, async () => "both"));
    assert.deepEqual(held, { result: undefined });
    assert.deepEqual(await withLease(database, name, async () => "the next"), { result: "the next" });
  },
};

const KEYS: Probe = {
  claim:
    "a key speaks for its own tenant, and neither keys nor jobs of another can be listed, got or revoked",
  check: async (database, { a, b }) => {
    const { secret } = await createApiKey(database, a.tenantId);
    assert.equal((await findKeyHolder(database, secret))?.tenantId, a.tenantId);
    const own = await listApiKeys(database, a.tenantId);
    assert.ok(own.length > 0 && own.every(({ tenantId }) => tenantId === a.tenantId));
    const [foreign] = await listApiKeys(database, b.tenantId);
    await assert.rejects(revokeApiKey(database, a.tenantId, foreign?.id ?? ""), { code: "not_found" });
    const [job] = await listJobs(database, b.tenantId);
    assert.ok(job, "B's job is there for B");
    await assert.rejects(getJob(database, { tenantId: a.tenantId, id: job.id }), { code: "not_found" });
    // The operator makes keys for all, and sees no tenant's jobs.
    const made = await createApiKey(database, null);
    assert.equal((await findKeyHolder(database, made.secret))?.tenantId, null);
    await createJob(database, null, { kind: "probe", request: {} });
    assert.ok((await listJobs(database, null)).every(({ tenantId }) => tenantId === null));
    await asAdmin(database, async ({ orm }) => {
      assert.equal(await count(orm, sql`SELECT 1 FROM cairn.jobs WHERE tenant_id IS NOT NULL`), 0);
    });
    const planted = sql`INSERT INTO cairn.jobs (tenant_id, kind) VALUES (${uuid(a.tenantId)}, 'planted')`;
    await refused(
      asAdmin(database, ({ orm }) => orm.execute(planted)),
      "the operator made a job in a tenant's name",
    );
  },
};

export const PROBES: readonly Probe[] = [
  SELECTS,
  CHANGES,
  INSERTS,
  REST,
  NOBODY,
  ADMIN_READS,
  SAME_ANSWER,
  POSTINGS,
  TENANT_WORKS,
  ADMIN_WORKS,
  LEDGER_WORKS,
  LEASES,
  KEYS,
];

export const START_UP_PROBE = START_UP;
