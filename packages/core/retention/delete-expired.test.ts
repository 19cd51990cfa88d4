import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { ID, TEXT, useCanary } from "../../../test/support/canary.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { selectRows } from "../database/rows.ts";
import { asAdmin, asTenant } from "../database/transaction.ts";
import { deleteDocuments } from "../document/delete.ts";
import { runIdempotent } from "../idempotency/idempotency.ts";
import { createJob } from "../job/job.ts";
import { runJob } from "../job/run.ts";
import { createTenant, deleteTenant } from "../tenant/tenant.ts";
import { deleteExpired } from "./delete-expired.ts";

// Expired data is gone from every table: each row of the schema is read as text and searched for a canary.

const own = useTestDatabase();
const canary = useCanary(own);
const { services, hooks, put, traces } = canary;

test("responses, jobs and vectors of texts without a document are deleted when they expire", async () => {
  const signal = new AbortController().signal;
  await runIdempotent(own.database, canary.tenantId, { key: "k", request: ["x"], signal }, async () => ({
    status: 200,
    headers: {},
    body: JSON.stringify({ ids: [ID] }),
  }));
  const { id } = await createJob(own.database, canary.tenantId, { kind: "echo", request: { text: TEXT } });
  expect(await traces()).toContain("jobs");
  await runJob(services, { echo: async () => ({ failed: [{ id: ID }] }) }, { tenantId: canary.tenantId, id });
  await deleteDocuments(own.database, canary.tenantId, { ids: [ID] });
  expect(await traces()).toEqual(["idempotency_keys", "jobs"]);
  await put({ id: ID, content: TEXT });
  await asTenant(
    own.database,
    canary.tenantId,
    ({ orm }) => orm.execute(sql`DELETE FROM cairn.documents WHERE id = ${ID}`), // as after a write that fails after the embedding
  );
  await deleteExpired(own.database);
  expect(await traces()).toEqual(["embedding_cache", "idempotency_keys", "jobs"]);
  await asTenant(own.database, canary.tenantId, async ({ orm }) => {
    await orm.execute(sql`UPDATE cairn.idempotency_keys SET created_at = now() - interval '24 hours 1 second'`);
    await orm.execute(sql`UPDATE cairn.jobs SET finished_at = finished_at - interval '30 days 1 second'`);
    await orm.execute(sql`UPDATE cairn.embedding_cache SET used_at = now() - interval '30 days 1 second'`);
  });
  await deleteExpired(own.database);
  expect(await traces()).toEqual([]);
});

test("counts, resolved findings and disagreements of a cut-over expire, and open findings stay", async () => {
  const insert = (age: number) =>
    asAdmin(own.database, async ({ orm }) => {
      const at = sql`now() - ${age}::int * interval '1 day'`;
      const tenant = sql`${canary.tenantId}::uuid`;
      await orm.execute(sql`
        INSERT INTO cairn.cutover_requests (tenant_id, minute, kind, side, outcome, requests, latency)
        VALUES (${tenant}, ${at}, 'get', 'cairn', 'agreed', 1, '{1}')`);
      await orm.execute(sql`
        INSERT INTO cairn.cutover_disagreements (tenant_id, at, collection_id, kind, agreement, detail)
        VALUES (${tenant}, ${at}, gen_random_uuid(), 'get', 0, '{}')`);
      for (const resolved of [at, sql`NULL`])
        await orm.execute(sql`
          INSERT INTO cairn.cutover_findings (tenant_id, collection_id, kind, side, detail, resolved_at)
          VALUES (${tenant}, gen_random_uuid(), 'refused', 'cairn', '', ${resolved})`);
    });
  const count = (table: string) =>
    asAdmin(own.database, ({ orm }) => orm.selectRows(sql`SELECT FROM ${sql.raw(`cairn.${table}`)}`)).then(
      (rows) => rows.length,
    );
  await insert(91);
  await insert(89);
  await deleteExpired(own.database);
  const tables = ["cutover_requests", "cutover_disagreements", "cutover_findings"];
  expect(await Promise.all(tables.map(count))).toEqual([1, 1, 3]);
});

test("results of evaluations are kept for 400 days", async () => {
  for (const age of [399, 401])
    await asTenant(own.database, canary.tenantId, ({ orm }) =>
      orm.execute(sql`
        INSERT INTO cairn.evaluation_runs (tenant_id, set_id, fingerprint, started_by, summary, scores, created_at)
        VALUES (${canary.tenantId}::uuid, gen_random_uuid(), ${`${age}`}, 'schedule', '{}', '{}', now() - ${age}::int * interval '1 day')`),
    );
  await deleteExpired(own.database);
  const left = await asTenant(own.database, canary.tenantId, ({ orm }) =>
    orm.selectRows(sql`SELECT fingerprint FROM cairn.evaluation_runs`),
  );
  expect(left).toEqual([{ fingerprint: "399" }]);
});

test("a cached vector that is in use does not expire", async () => {
  const age = (days: number) =>
    asTenant(own.database, canary.tenantId, ({ orm }) =>
      orm.execute(sql`UPDATE cairn.embedding_cache SET used_at = now() - ${days}::int * interval '1 day'`),
    );
  await age(20);
  await put({ id: "again", content: TEXT });
  await age(0);
  let embedded = 0;
  hooks.beforeEmbedding = async (texts) => {
    embedded += texts.length;
  };
  await age(20);
  await put({ id: "again", content: TEXT });
  const rows = await asTenant(own.database, canary.tenantId, ({ orm }) =>
    selectRows<{ fresh: boolean }>(
      orm,
      sql`SELECT used_at > now() - interval '1 day' AS fresh FROM cairn.embedding_cache ORDER BY 1`,
    ),
  );
  expect(embedded).toBe(0);
  expect(rows).toEqual([{ fresh: false }, { fresh: true }]);
});

test("maintenance deletes the migration exceptions of a deleted tenant, and no others", async () => {
  const { id: deleted } = await createTenant(own.database);
  await asAdmin(own.database, ({ orm }) =>
    orm.execute(sql`
      WITH run AS (
        INSERT INTO cairn.migration_runs (source, status, holder, lease_until, finished_at)
        VALUES ('http://chroma', 'complete_with_exceptions', 'test', now(), now()) RETURNING id),
      collections AS (
        INSERT INTO cairn.migration_collections
          (run_id, source_id, source_tenant, source_database, source_name, tenant_id, collection_id, vectors, why, fresh)
        SELECT run.id, tenant::text, 't', 'd', 'n', tenant, gen_random_uuid(), 'copy', '', true
        FROM run, unnest(ARRAY[${deleted}, ${canary.tenantId}]::uuid[]) AS tenant RETURNING run_id, source_id)
      INSERT INTO cairn.migration_exceptions (run_id, source_id, id_hash, kind, id, pass, detail)
      SELECT run_id, source_id, ''::bytea, 'vector_zero', ${ID}, 1, '' FROM collections`),
  );
  const left = () =>
    asAdmin(own.database, ({ orm }) =>
      selectRows<{ tenant: string }>(orm, sql`SELECT source_id AS tenant FROM cairn.migration_exceptions`),
    );
  await deleteTenant(own.database, deleted);
  expect(await left()).toHaveLength(2);
  await deleteExpired(own.database);
  expect(await left()).toEqual([{ tenant: canary.tenantId }]);
});
