import { createCompiler } from "@cairn/core/database/compile.ts";
import type { Database, ReadOptions, Transaction } from "@cairn/core/database/database.ts";
import { databaseFailure } from "@cairn/core/database/failure.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { type SQL, sql } from "drizzle-orm";
import { beforeAll, describe, expect, test } from "vitest";
import { useTestDatabase } from "./support/fixture.ts";
import { PROBES, START_UP_PROBE } from "./support/isolation/probes.ts";
import { seedTwoTenants, type TwoTenants } from "./support/isolation/seed.ts";

// Mutation tests of the isolation probes: each guard is removed, and at least one probe must fail. Roles belong to the
// server, so each mutation runs in a transaction that is rolled back; transactions of the probes are savepoints in it.

const testDatabase = useTestDatabase();
let tenants: TwoTenants;
beforeAll(async () => {
  tenants = await seedTwoTenants(testDatabase.database);
  await testDatabase.database.vectorTypes();
});

class Rollback extends Error {}

/** Runs `work` on a database with the mutation, and rolls everything back. */
async function withMutation(mutation: string, work: (database: Database) => Promise<void>): Promise<void> {
  const attempt = testDatabase.database.transaction(async (transaction) => {
    await transaction.script(mutation);
    await work(nestedDatabase(transaction));
    throw new Rollback();
  });
  await attempt.catch((error: unknown) => {
    if (!(error instanceof Rollback)) throw error;
  });
}

/** A database whose transactions are savepoints of an open one. Role and settings end with each savepoint, as in a real transaction. */
function nestedDatabase(outer: Transaction): Database {
  async function savepoint<T>(work: () => Promise<T>): Promise<T> {
    await outer.script("SAVEPOINT probe");
    try {
      const result = await work();
      await outer.script("RELEASE probe; SET LOCAL ROLE NONE; SET LOCAL cairn.tenant_id = ''");
      return result;
    } catch (error) {
      await outer.script("ROLLBACK TO probe; RELEASE probe");
      throw databaseFailure(error);
    }
  }
  const compile = createCompiler();
  const execute = (statement: SQL, parameters: ReadOptions["values"]) => {
    const { text, values } = compile(statement, parameters);
    const chunks = text.split(/\$\d+/).map((chunk) => sql.raw(chunk));
    const filled = chunks.flatMap((chunk, at) => (at === 0 ? [chunk] : [sql.param(values[at - 1]), chunk]));
    return selectRows<object>(outer.orm, sql.join(filled));
  };
  return {
    ...testDatabase.database,
    transaction: (work, settings = {}) =>
      savepoint(async () => {
        await outer.set(settings);
        return work(outer);
      }),
    read: (statements, { settings, values } = {}) =>
      savepoint(async () => {
        await outer.set(settings ?? {});
        const rows: (readonly object[])[] = [];
        for (const statement of statements) rows.push(await execute(statement, values));
        return rows;
      }),
  };
}

/** The claim and error of the first probe that fails. */
async function findFailingProbe(database: Database, probes = PROBES): Promise<string | undefined> {
  for (const { claim, check } of probes) {
    const failure = await check(database, tenants).then(
      () => undefined,
      (error: unknown) => `${claim}: ${error}`,
    );
    if (failure) return failure;
  }
}

function catalog<Row extends object>(statement: SQL): Promise<Row[]> {
  return testDatabase.database.transaction(({ orm }) => selectRows<Row>(orm, statement));
}

interface Policy {
  readonly table: string;
  readonly name: string;
  readonly checked: boolean;
  readonly tenants: boolean;
}

const policies = () =>
  catalog<Policy>(sql`
    SELECT tablename AS table, policyname AS name, with_check IS NOT NULL AS checked,
           qual LIKE '%tenant_id%' AS tenants
    FROM pg_policies WHERE schemaname = 'cairn' ORDER BY 1, 2`);

const tables = () =>
  catalog<{ name: string }>(sql`
    SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'cairn'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'schema_migrations' ORDER BY 1`);

test("without a mutation, every probe passes", async () => {
  await withMutation("SELECT 1", async (database) => {
    expect(await findFailingProbe(database, [...PROBES, START_UP_PROBE])).toBeUndefined();
  });
});

test("with any policy dropped, a probe fails", async () => {
  const all = await policies();
  expect(all.length).toBeGreaterThanOrEqual(8);
  for (const { name, table } of all)
    await withMutation(`DROP POLICY ${name} ON cairn.${table}`, async (database) => {
      expect(await findFailingProbe(database), `${name} on ${table} was dropped`).toBeDefined();
    });
});

test("with any tenant policy opened for reading or writing, a probe fails", async () => {
  const all = (await policies()).filter((policy) => policy.tenants);
  expect(all.length).toBeGreaterThanOrEqual(4);
  for (const { name, table, checked } of all)
    for (const clause of ["USING (true)", ...(checked ? ["WITH CHECK (true)"] : [])])
      await withMutation(`ALTER POLICY ${name} ON cairn.${table} ${clause}`, async (database) => {
        expect(await findFailingProbe(database), `${name} on ${table}: ${clause}`).toBeDefined();
      });
});

test("with row-level security disabled on a table that tenants can read, a tenant sees foreign rows and a probe fails", async () => {
  const readable = await catalog<{ name: string }>(sql`
    SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'cairn'::regnamespace AND relkind IN ('r', 'p') AND has_table_privilege('cairn_app', oid, 'SELECT')`);
  expect(readable.length).toBeGreaterThanOrEqual(4);
  for (const { name } of readable)
    await withMutation(`ALTER TABLE cairn.${name} DISABLE ROW LEVEL SECURITY`, async (database) => {
      expect(await findFailingProbe(database), name).toContain(`A sees other rows than its own in ${name}`);
    });
});

test.each(["DISABLE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY"])(
  "the service refuses to start with %s on any table, and names the table",
  async (change) => {
    const all = await tables();
    expect(all.length).toBeGreaterThanOrEqual(39);
    for (const { name } of all)
      await withMutation(`ALTER TABLE cairn.${name} ${change}`, async (database) => {
        await expect(assertIsolation(database), name).rejects.toMatchObject({
          code: "unsafe_role",
          message: expect.stringContaining(`not forced on cairn.${name}.`),
        });
      });
  },
);

test.each([
  ["GRANT SELECT ON cairn.documents_00 TO cairn_app", "a partition"],
  ["GRANT SELECT ON cairn.migration_runs TO cairn_app", "the run ledger"],
  ["GRANT SELECT ON cairn.namespace_collections TO cairn_app", "the routing table of namespaces"],
  ["GRANT SELECT ON cairn.documents TO cairn_admin", "documents for the administrator"],
  ["REVOKE SELECT ON cairn.documents FROM cairn_app", "a missing privilege"],
  ["REVOKE INSERT ON cairn.migration_exceptions FROM cairn_admin", "a missing privilege of the run ledger"],
])("with %s, a probe fails: %s", async (grant) => {
  await withMutation(grant, async (database) => {
    expect(await findFailingProbe(database)).toBeDefined();
  });
});

test("a partition shows no rows to a role that was granted access by mistake", async () => {
  const { tenantId } = tenants.a;
  const leaves = (await tables()).filter(({ name }) => /^documents_\d\d$/.test(name));
  const grants = "GRANT SELECT ON ALL TABLES IN SCHEMA cairn TO cairn_app";
  await withMutation(grants, async (database) => {
    for (const { name } of leaves)
      await asTenant(database, tenantId, async ({ orm }) => {
        expect(await selectRows(orm, sql`SELECT id FROM ${sql.raw(`cairn.${name}`)}`)).toEqual([]);
      });
  });
});

describe("the service refuses to start", () => {
  test.each([
    ["without row-level security", "CREATE TABLE cairn.notes (tenant_id uuid)"],
    [
      "that does not force row-level security on its owner",
      "CREATE TABLE cairn.notes (tenant_id uuid); ALTER TABLE cairn.notes ENABLE ROW LEVEL SECURITY",
    ],
    ["that is partitioned", "CREATE TABLE cairn.notes (tenant_id uuid) PARTITION BY HASH (tenant_id)"],
  ])("with a new table %s", async (_, create) => {
    await withMutation(create, async (database) => {
      await expect(assertIsolation(database)).rejects.toMatchObject({
        code: "unsafe_role",
        message: expect.stringContaining("cairn.notes"),
      });
    });
  });

  const FAULTS: readonly (readonly [message: string, mutation: (role: string) => string])[] = [
    ["has BYPASSRLS", (role) => `ALTER ROLE ${role} BYPASSRLS`],
    ["is a superuser", (role) => `ALTER ROLE ${role} SUPERUSER`],
    ["owns 1 tables", (role) => `CREATE TABLE public.owned (); ALTER TABLE public.owned OWNER TO ${role}`],
    ["is a member of pg_read_all_data", (role) => `GRANT pg_read_all_data TO ${role}`],
    [
      "is a member of cairn_other",
      (role) => `CREATE ROLE cairn_other; GRANT cairn_other TO ${role} WITH INHERIT FALSE`,
    ],
  ];
  for (const role of ["cairn_app", "cairn_admin"])
    test.each(FAULTS)(`if ${role} %s`, async (message, mutation) => {
      await withMutation(mutation(role), async (database) => {
        await expect(assertIsolation(database)).rejects.toMatchObject({
          code: "unsafe_role",
          message: expect.stringContaining(`the role ${role} ${message}`),
        });
      });
    });

  test("if a driver runs the work without setting the role first", async () => {
    const withoutRole: Database = {
      ...testDatabase.database,
      transaction: (work) => testDatabase.database.transaction(work),
    };
    await expect(assertIsolation(withoutRole)).rejects.toMatchObject({
      code: "unsafe_role",
      message: expect.stringMatching(/runs as \w+ instead of cairn_app/),
    });
  });

  test("if cairn_app owns a document partition, because an owner can disable policies", async () => {
    const mutation = "GRANT CREATE ON SCHEMA cairn TO cairn_app; ALTER TABLE cairn.documents_07 OWNER TO cairn_app";
    await withMutation(mutation, async (database) => {
      await expect(assertIsolation(database)).rejects.toMatchObject({ code: "unsafe_role" });
    });
  });
});

test("no mutation remains", async () => {
  await assertIsolation(testDatabase.database);
  expect(await findFailingProbe(testDatabase.database)).toBeUndefined();
});
