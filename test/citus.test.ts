import { readFile } from "node:fs/promises";
import type { Orm } from "@cairn/core/database/database.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTestDatabase } from "./support/fixture.ts";

// infra/citus.sql against the current schema, by Citus's rules for distributed tables. citus-cluster.test.ts runs on a cluster.

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
  "usage_days",
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

test("every foreign key stays within a tenant's shards or refers to a reference table, and the script creates it again", async () => {
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
  }
  expect(kinds).toContain("distributed to distributed");
  const [recreated] = /SELECT conrelid::regclass[^;]*;/.exec(script) ?? [];
  const names = (await catalog<{ name: string }>(recreated as string)).map(({ name }) => name);
  expect(names.sort()).toEqual(keys.map(({ name }) => name).sort());
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
