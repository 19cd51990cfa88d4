import { createCompiler } from "@cairn/core/database/compile.ts";
import type { Database, ReadOptions, Transaction } from "@cairn/core/database/database.ts";
import { databaseFailure } from "@cairn/core/database/failure.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { type SQL, sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { PROBES, START_UP_PROBE } from "./support/isolation/probes.ts";
import { seedTwoTenants, type TwoTenants } from "./support/isolation/seed.ts";

// The checks are checked: each guard is removed, and some probe must notice. Roles belong to the whole server, so every
// mutation lives in a transaction that is rolled back; the probes' own transactions are savepoints in it.

let own: TestDatabase;
let tenants: TwoTenants;
beforeAll(async () => {
  own = await createTestDatabase();
  tenants = await seedTwoTenants(own.database);
  await own.database.vectorTypes();
});
afterAll(() => own?.drop());

class Undo extends Error {}

/** Runs `work` on a database in which `mutation` holds, and takes everything back. */
async function mutated(mutation: string, work: (database: Database) => Promise<void>): Promise<void> {
  const attempt = own.database.transaction(async (transaction) => {
    await transaction.script(mutation);
    await work(inside(transaction));
    throw new Undo();
  });
  await attempt.catch((error: unknown) => {
    if (!(error instanceof Undo)) throw error;
  });
}

/** A database whose transactions are savepoints of an open one: role and setting end with each, as they do in a real one. */
function inside(outer: Transaction): Database {
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
  const answer = (statement: SQL, given: ReadOptions["values"]) => {
    const { text, values } = compile(statement, given);
    const chunks = text.split(/\$\d+/).map((chunk) => sql.raw(chunk));
    const filled = chunks.flatMap((chunk, at) => (at === 0 ? [chunk] : [sql.param(values[at - 1]), chunk]));
    return selectRows<object>(outer.orm, sql.join(filled));
  };
  return {
    ...own.database,
    transaction: (work, settings = {}) =>
      savepoint(async () => {
        await outer.set(settings);
        return work(outer);
      }),
    read: (statements, { settings, values } = {}) =>
      savepoint(async () => {
        await outer.set(settings ?? {});
        const rows: (readonly object[])[] = [];
        for (const statement of statements) rows.push(await answer(statement, values));
        return rows;
      }),
  };
}

/** The first probe that fails, and how. */
async function redProbe(database: Database, probes = PROBES): Promise<string | undefined> {
  for (const { claim, check } of probes) {
    const fault = await check(database, tenants).then(
      () => undefined,
      (error: unknown) => `${claim}: ${error}`,
    );
    if (fault) return fault;
  }
}

function catalog<Row extends object>(statement: SQL): Promise<Row[]> {
  return own.database.transaction(({ orm }) => selectRows<Row>(orm, statement));
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

test("with nothing removed every probe is green", async () => {
  await mutated("SELECT 1", async (database) => {
    expect(await redProbe(database, [...PROBES, START_UP_PROBE])).toBeUndefined();
  });
});

test("with any one policy dropped some probe is red", async () => {
  const all = await policies();
  expect(all.length).toBeGreaterThanOrEqual(8);
  for (const { name, table } of all)
    await mutated(`DROP POLICY ${name} ON cairn.${table}`, async (database) => {
      expect(await redProbe(database), `${name} on ${table} was dropped`).toBeDefined();
    });
});

test("with any tenant policy opened, for reading or for writing, some probe is red", async () => {
  const all = (await policies()).filter((policy) => policy.tenants);
  expect(all.length).toBeGreaterThanOrEqual(4);
  for (const { name, table, checked } of all)
    for (const clause of ["USING (true)", ...(checked ? ["WITH CHECK (true)"] : [])])
      await mutated(`ALTER POLICY ${name} ON cairn.${table} ${clause}`, async (database) => {
        expect(await redProbe(database), `${name} on ${table}: ${clause}`).toBeDefined();
      });
});

test("with row-level security disabled on a table that tenants reach, a tenant sees foreign rows and a probe is red", async () => {
  const reached = await catalog<{ name: string }>(sql`
    SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'cairn'::regnamespace AND relkind IN ('r', 'p') AND has_table_privilege('cairn_app', oid, 'SELECT')`);
  expect(reached.length).toBeGreaterThanOrEqual(4);
  for (const { name } of reached)
    await mutated(`ALTER TABLE cairn.${name} DISABLE ROW LEVEL SECURITY`, async (database) => {
      expect(await redProbe(database), name).toContain(`A sees more than its own in ${name}`);
    });
});

test.each(["DISABLE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY"])(
  "the service refuses to start with %s on any table, and names it",
  async (change) => {
    const all = await tables();
    expect(all.length).toBeGreaterThanOrEqual(39);
    for (const { name } of all)
      await mutated(`ALTER TABLE cairn.${name} ${change}`, async (database) => {
        await expect(assertIsolation(database), name).rejects.toMatchObject({
          code: "unsafe_role",
          message: expect.stringContaining(`not forced on cairn.${name}.`),
        });
      });
  },
);

test.each([
  ["GRANT SELECT ON cairn.documents_00 TO cairn_app", "a partition"],
  ["GRANT SELECT ON cairn.migration_runs TO cairn_app", "the ledger"],
  ["GRANT SELECT ON cairn.documents TO cairn_admin", "documents to the administrator"],
  ["REVOKE SELECT ON cairn.documents FROM cairn_app", "a right that is missing"],
  ["REVOKE INSERT ON cairn.migration_exceptions FROM cairn_admin", "a right that the ledger needs"],
])("with %s some probe is red: %s", async (grant) => {
  await mutated(grant, async (database) => {
    expect(await redProbe(database)).toBeDefined();
  });
});

test("a partition shows no rows even to a role that was granted it by mistake", async () => {
  const { tenantId } = tenants.a;
  const leaves = (await tables()).filter(({ name }) => /^documents_\d\d$/.test(name));
  const grants = "GRANT SELECT ON ALL TABLES IN SCHEMA cairn TO cairn_app";
  await mutated(grants, async (database) => {
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
      "that does not force it on its owner",
      "CREATE TABLE cairn.notes (tenant_id uuid); ALTER TABLE cairn.notes ENABLE ROW LEVEL SECURITY",
    ],
    ["that is partitioned", "CREATE TABLE cairn.notes (tenant_id uuid) PARTITION BY HASH (tenant_id)"],
  ])("with a new table %s", async (_, create) => {
    await mutated(create, async (database) => {
      await expect(assertIsolation(database)).rejects.toMatchObject({
        code: "unsafe_role",
        message: expect.stringContaining("cairn.notes"),
      });
    });
  });

  const FAULTS: readonly (readonly [fault: string, mutation: (role: string) => string])[] = [
    ["has BYPASSRLS", (role) => `ALTER ROLE ${role} BYPASSRLS`],
    ["is a superuser", (role) => `ALTER ROLE ${role} SUPERUSER`],
    ["owns 1 tables", (role) => `CREATE TABLE public.theirs (); ALTER TABLE public.theirs OWNER TO ${role}`],
    ["is a member of pg_read_all_data", (role) => `GRANT pg_read_all_data TO ${role}`],
    [
      "is a member of cairn_other",
      (role) => `CREATE ROLE cairn_other; GRANT cairn_other TO ${role} WITH INHERIT FALSE`,
    ],
  ];
  for (const role of ["cairn_app", "cairn_admin"])
    test.each(FAULTS)(`where ${role} %s`, async (fault, mutation) => {
      await mutated(mutation(role), async (database) => {
        await expect(assertIsolation(database)).rejects.toMatchObject({
          code: "unsafe_role",
          message: expect.stringContaining(`the role ${role} ${fault}`),
        });
      });
    });

  test("where a driver does the work without becoming the tenant first", async () => {
    const forgetful: Database = { ...own.database, transaction: (work) => own.database.transaction(work) };
    await expect(assertIsolation(forgetful)).rejects.toMatchObject({
      code: "unsafe_role",
      message: expect.stringMatching(/runs as \w+ instead of cairn_app/),
    });
  });

  test("where cairn_app owns a document partition, as its owner could switch the policies off", async () => {
    const mutation =
      "GRANT CREATE ON SCHEMA cairn TO cairn_app; ALTER TABLE cairn.documents_07 OWNER TO cairn_app";
    await mutated(mutation, async (database) => {
      await expect(assertIsolation(database)).rejects.toMatchObject({ code: "unsafe_role" });
    });
  });
});

test("nothing of the mutations stayed", async () => {
  await assertIsolation(own.database);
  expect(await redProbe(own.database)).toBeUndefined();
});
