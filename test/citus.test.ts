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
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { PROBES } from "./support/isolation/probes.ts";
import { seedTwoTenants } from "./support/isolation/seed.ts";
import { offlineServices } from "./support/services.ts";

// infra/citus.sql against the schema as it is, by the rules that Citus has for distributed tables; and the knowledge
// base on a real cluster where there is one: TEST_CITUS_URL names a coordinator's database, migrated, distributed, empty.

const script = await readFile(new URL("../infra/citus.sql", import.meta.url), "utf8");
const calls = (name: string) =>
  [...script.matchAll(new RegExp(`${name}\\('cairn\\.(\\w+)'`, "g"))].map(([, table]) => table as string);
const DISTRIBUTED: readonly string[] = calls("create_distributed_table");
const REFERENCE: readonly string[] = calls("create_reference_table");
/** Of the operator, or without a tenant: on the coordinator alone. */
const LOCAL = [
  "api_keys",
  "jobs",
  "maintenance_leases",
  "migration_collections",
  "migration_exceptions",
  "migration_runs",
  "schema_migrations",
];

let own: TestDatabase;
beforeAll(async () => {
  own = await createTestDatabase();
});
afterAll(() => own?.drop());

function catalog<Row extends object>(text: string): Promise<Row[]> {
  return own.database.transaction(({ orm }) => selectRows<Row>(orm, sql.raw(text)));
}

test("every table of the schema is said to be distributed, on every node, or on the coordinator", async () => {
  const tables = await catalog<{ name: string }>(`
    SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'cairn'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`);
  expect([...DISTRIBUTED, ...REFERENCE, ...LOCAL].sort()).toEqual(tables.map(({ name }) => name).sort());
});

test("every unique constraint of a distributed table holds tenant_id, which is never null", async () => {
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

test("every foreign key stays within a tenant's shards or leads to what every node has", async () => {
  const keys = await catalog<{ name: string; from: string; to: string; tenant: boolean }>(`
    SELECT k.conname AS name, f.relname AS from, t.relname AS to, EXISTS (
             SELECT FROM unnest(k.conkey, k.confkey) AS pair (mine, theirs)
             JOIN pg_attribute AS a ON a.attrelid = f.oid AND a.attnum = mine AND a.attname = 'tenant_id'
             JOIN pg_attribute AS b ON b.attrelid = t.oid AND b.attnum = theirs AND b.attname = 'tenant_id') AS tenant
    FROM pg_constraint AS k JOIN pg_class AS f ON f.oid = k.conrelid JOIN pg_class AS t ON t.oid = k.confrelid
    WHERE k.contype = 'f' AND f.relnamespace = 'cairn'::regnamespace AND NOT f.relispartition AND NOT t.relispartition`);
  const kind = (table: string) =>
    DISTRIBUTED.includes(table) ? "distributed" : REFERENCE.includes(table) ? "reference" : "local";
  const seen = new Set<string>();
  for (const { name, from, to, tenant } of keys) {
    const way = `${kind(from)} to ${kind(to)}`;
    seen.add(way);
    expect(
      ["distributed to reference", "reference to reference", "local to reference", "local to local"].includes(
        way,
      ) ||
        (way === "distributed to distributed" && tenant),
      `${name}: ${way}`,
    ).toBe(true);
    // Citus distributes no table that another, not yet distributed, refers to: the script takes those off and puts them back.
    if (way === "distributed to distributed")
      for (const verb of ["DROP", "ADD"]) expect(script).toContain(`${verb} CONSTRAINT ${name}`);
  }
  expect(seen).toContain("distributed to distributed");
});

test("no table keeps a trigger, or has a rule or a generated identity, and partitions have no key of their own", async () => {
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

test("the policies as they are rewritten hold no subquery and say what they said", async () => {
  const [rewrite] = /DO \$\$\nDECLARE\n {2}policy record;[\s\S]*?\n\$\$;/.exec(script) ?? [];
  class Undo extends Error {}
  const policies = (orm: Orm) =>
    selectRows<{ policy: string; qual: string; check: string | null }>(
      orm,
      sql`SELECT tablename || '.' || policyname AS policy, qual, with_check AS check
          FROM pg_policies WHERE schemaname = 'cairn' ORDER BY 1`,
    );
  const plain = (text: string | null) =>
    text?.replaceAll(/\(\s*SELECT\s+(.*)\s+AS "nullif"\)/g, "$1").replaceAll(/[()\s]/g, "");
  const attempt = own.database.transaction(async (transaction) => {
    const before = await policies(transaction.orm);
    await transaction.script(rewrite as string);
    const after = await policies(transaction.orm);
    expect(before.some(({ qual }) => qual.includes("SELECT"))).toBe(true);
    for (const { qual, check } of after) expect(`${qual} ${check}`).not.toContain("SELECT");
    expect(after.map((policy) => [policy.policy, plain(policy.qual), plain(policy.check)])).toEqual(
      before.map((policy) => [policy.policy, plain(policy.qual), plain(policy.check)]),
    );
    throw new Undo();
  });
  await expect(attempt).rejects.toThrow(Undo);
});

const coordinator = process.env.TEST_CITUS_URL;

describe.runIf(coordinator)("on a cluster", () => {
  let database: Database;
  beforeAll(() => {
    database = connectPg({ url: coordinator as string });
  });
  afterAll(() => database?.close());

  test("row-level security keeps tenants apart, on every table that one reaches", async () => {
    const tenants = await seedTwoTenants(database);
    const red: string[] = [];
    for (const { claim, check } of PROBES)
      await check(database, tenants).catch((error: unknown) => red.push(`${claim}: ${error}`));
    // Refused as well, in other words: a row for another node is a COPY, and the words' index is asked by the tenant's
    // worker, not by the coordinator.
    expect(red).toEqual([
      expect.stringMatching(/under another's name .*'0A000' !== '42501'/s),
      expect.stringMatching(/the index of words .* may not act as cairn_app/s),
    ]);
  });

  test("a large collection is indexed on its tenant's worker, searched there, changed and deleted", async () => {
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

  test("two tenants at once lie where Citus put them, and each finds its own", async () => {
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
