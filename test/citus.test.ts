import { readFile } from "node:fs/promises";
import { createCollection } from "@cairn/core/collection/create.ts";
import type { Database, Orm } from "@cairn/core/database/database.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { query } from "@cairn/core/search/query.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useTestDatabase } from "./support/fixture.ts";
import { PROBES } from "./support/isolation/probes.ts";
import { seedTwoTenants } from "./support/isolation/seed.ts";
import { offlineServices } from "./support/services.ts";

// infra/citus.sql against the current schema, by Citus's rules for distributed tables; and the knowledge base on a real
// cluster if TEST_CITUS_URL is set: a coordinator's database that is migrated, distributed and empty.

const script = await readFile(new URL("../infra/citus.sql", import.meta.url), "utf8");
const calls = (name: string) =>
  [...script.matchAll(new RegExp(`${name}\\('cairn\\.(\\w+)'`, "g"))].map(([, table]) => table as string);
const DISTRIBUTED: readonly string[] = calls("create_distributed_table");
const REFERENCE: readonly string[] = calls("create_reference_table");
/** Tables on the coordinator only: the operator's tables and tables without a tenant. */
const LOCAL = [
  "api_keys",
  "cutover_collections",
  "cutover_disagreements",
  "cutover_events",
  "cutover_findings",
  "cutover_leases",
  "cutover_requests",
  "cutover_tenants",
  "jobs",
  "maintenance_leases",
  "migration_collections",
  "migration_exceptions",
  "migration_runs",
  "namespace_collections",
  "namespace_databases",
  "namespace_tenants",
  "namespaces",
  "schema_migrations",
];

const testDatabase = useTestDatabase();

function catalog<Row extends object>(text: string): Promise<Row[]> {
  return testDatabase.database.transaction(({ orm }) => selectRows<Row>(orm, sql.raw(text)));
}

test("every table of the schema is distributed, a reference table, or listed as local to the coordinator", async () => {
  const tables = await catalog<{ name: string }>(`
    SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'cairn'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`);
  expect([...DISTRIBUTED, ...REFERENCE, ...LOCAL].sort()).toEqual(tables.map(({ name }) => name).sort());
});

test("every unique constraint of a distributed table contains tenant_id, which is NOT NULL", async () => {
  const keys = await catalog<{ table: string; index: string; has: boolean }>(`
    SELECT c.relname AS table, x.indexrelid::regclass::text AS index, EXISTS (
             SELECT FROM pg_attribute AS a
             WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull AND a.attnum = ANY (x.indkey)) AS has
    FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indrelid
    WHERE c.relnamespace = 'cairn'::regnamespace AND (x.indisunique OR x.indisexclusion) AND NOT c.relispartition`);
  const distributed = keys.filter(({ table }) => DISTRIBUTED.includes(table));
  expect(new Set(distributed.map(({ table }) => table))).toEqual(new Set(DISTRIBUTED));
  expect(distributed.filter(({ has }) => !has)).toEqual([]);
});

test("every foreign key stays within a tenant's shards or refers to a reference table", async () => {
  const keys = await catalog<{ name: string; from: string; to: string; tenant: boolean }>(`
    SELECT k.conname AS name, f.relname AS from, t.relname AS to, EXISTS (
             SELECT FROM unnest(k.conkey, k.confkey) AS pair (mine, theirs)
             JOIN pg_attribute AS a ON a.attrelid = f.oid AND a.attnum = mine AND a.attname = 'tenant_id'
             JOIN pg_attribute AS b ON b.attrelid = t.oid AND b.attnum = theirs AND b.attname = 'tenant_id') AS tenant
    FROM pg_constraint AS k JOIN pg_class AS f ON f.oid = k.conrelid JOIN pg_class AS t ON t.oid = k.confrelid
    WHERE k.contype = 'f' AND f.relnamespace = 'cairn'::regnamespace AND NOT f.relispartition AND NOT t.relispartition`);
  const kind = (table: string) =>
    DISTRIBUTED.includes(table) ? "distributed" : REFERENCE.includes(table) ? "reference" : "local";
  const kinds = new Set<string>();
  for (const { name, from, to, tenant } of keys) {
    const reference = `${kind(from)} to ${kind(to)}`;
    kinds.add(reference);
    expect(
      ["distributed to reference", "reference to reference", "local to reference", "local to local"].includes(
        reference,
      ) ||
        (reference === "distributed to distributed" && tenant),
      `${name}: ${reference}`,
    ).toBe(true);
    // Citus cannot distribute a table to which a local table refers, so the script drops and creates these constraints.
    if (reference === "distributed to distributed")
      for (const verb of ["DROP", "ADD"]) expect(script).toContain(`${verb} CONSTRAINT ${name}`);
  }
  expect(kinds).toContain("distributed to distributed");
});

test("no table has a rule, an identity or a generated column, and the script drops every trigger", async () => {
  const triggers = await catalog<{ name: string; table: string }>(`
    SELECT tgname AS name, tgrelid::regclass::text AS table FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'cairn'::regnamespace AND NOT t.tgisinternal AND NOT c.relispartition`);
  for (const { name, table } of triggers) expect(script).toContain(`DROP TRIGGER ${name} ON ${table};`);
  expect(await catalog("SELECT rulename FROM pg_rules WHERE schemaname = 'cairn'")).toEqual([]);
  expect(
    await catalog(`
      SELECT attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
      WHERE c.relnamespace = 'cairn'::regnamespace AND (a.attidentity <> '' OR a.attgenerated <> '')`),
  ).toEqual([]);
});

test("the rewritten policies contain no subquery and are equivalent", async () => {
  const [rewrite] = /DO \$\$\nDECLARE\n {2}policy record;[\s\S]*?\n\$\$;/.exec(script) ?? [];
  class Rollback extends Error {}
  const policies = (orm: Orm) =>
    selectRows<{ policy: string; qual: string | null; check: string | null }>(
      orm,
      sql`SELECT tablename || '.' || policyname AS policy, qual, with_check AS check
          FROM pg_policies WHERE schemaname = 'cairn' ORDER BY 1`,
    );
  const normalize = (text: string | null) =>
    text?.replaceAll(/\(\s*SELECT\s+(.*)\s+AS "nullif"\)/g, "$1").replaceAll(/[()\s]/g, "");
  const attempt = testDatabase.database.transaction(async (transaction) => {
    const before = await policies(transaction.orm);
    await transaction.script(rewrite as string);
    const after = await policies(transaction.orm);
    expect(before.some(({ qual }) => qual?.includes("SELECT"))).toBe(true);
    for (const { qual, check } of after) expect(`${qual} ${check}`).not.toContain("SELECT");
    expect(after.map((policy) => [policy.policy, normalize(policy.qual), normalize(policy.check)])).toEqual(
      before.map((policy) => [policy.policy, normalize(policy.qual), normalize(policy.check)]),
    );
    throw new Rollback();
  });
  await expect(attempt).rejects.toThrow(Rollback);
});

const coordinator = process.env.TEST_CITUS_URL;

describe.runIf(coordinator)("on a Citus cluster", () => {
  let database: Database;
  beforeAll(() => {
    database = connectPg({ url: coordinator as string });
  });
  afterAll(() => database?.close());

  test("row-level security isolates tenants on every table that they can read", async () => {
    const tenants = await seedTwoTenants(database);
    const failures: string[] = [];
    for (const { claim, check } of PROBES)
      await check(database, tenants).catch((error: unknown) => failures.push(`${claim}: ${error}`));
    // These are also refused, with other errors: a row for another node is written with COPY, and the keyword index is
    // queried by the tenant's worker, not by the coordinator.
    expect(failures).toEqual([
      expect.stringMatching(/for another tenant .*'0A000' !== '42501'/s),
      expect.stringMatching(/the keyword and metadata index .* may not act as cairn_app/s),
    ]);
  });

  test("a large collection is indexed, searched, changed and deleted on its tenant's worker", async () => {
    const services = offlineServices(database);
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
      selectRows<{ n: number }>(
        orm,
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

  test("concurrent tenants are spread over the nodes, and each finds its own documents", async () => {
    const services = offlineServices(database);
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
    const nodes = await database.transaction(({ orm }) =>
      selectRows<{ port: number }>(
        orm,
        sql`SELECT DISTINCT nodeport AS port FROM citus_shards WHERE table_name = 'cairn.documents'::regclass`,
      ),
    );
    expect(nodes.length).toBeGreaterThan(1);
  });
});
