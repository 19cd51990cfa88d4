import assert from "node:assert/strict";
import type { Database, Orm } from "@cairn/core/database/database.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { AppError } from "@cairn/core/error.ts";
import { type SQL, sql } from "drizzle-orm";
import type { TwoTenants } from "./seed.ts";

/** A claim about isolation or normal use. `check` throws if it does not hold. */
export interface Probe {
  readonly claim: string;
  readonly check: (database: Database, tenants: TwoTenants) => Promise<void>;
}

/** Tables in the schema that the role may SELECT from, read from the catalog, so that new tables are also probed. */
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

export const app = "cairn_app";
export const table = (name: string) => sql.raw(`cairn.${name}`);
export const owner = (name: string) => sql.raw(name === "tenants" ? "id" : "tenant_id");
export const uuid = (id: string) => sql`${id}::uuid`;

export async function count(orm: Orm, statement: SQL): Promise<number> {
  const [row] = await selectRows<{ n: number }>(orm, sql`SELECT count(*)::int AS n FROM (${statement}) AS rows`);
  return row?.n ?? Number.NaN;
}

/** Number of rows that a data-modifying statement changed. */
export async function affected(orm: Orm, statement: SQL): Promise<number> {
  const [row] = await selectRows<{ n: number }>(
    orm,
    sql`WITH touched AS (${statement} RETURNING 1) SELECT count(*)::int AS n FROM touched`,
  );
  return row?.n ?? Number.NaN;
}

/** Asserts that Postgres refuses with SQLSTATE 42501: a missing privilege, or a row that a policy forbids. */
export async function assertRefused(attempt: Promise<unknown>, message: string): Promise<void> {
  const outcome = await attempt.then(
    () => "was allowed",
    (error: unknown) => (error instanceof AppError ? (error.cause as { sqlstate?: string }).sqlstate : String(error)),
  );
  assert.equal(outcome, "42501", message);
}

/** Runs a check for every table that a tenant can read. */
export async function forEachTable(database: Database, check: (name: string) => Promise<void>): Promise<void> {
  for (const name of await readableTables(database, app)) await check(name);
}
