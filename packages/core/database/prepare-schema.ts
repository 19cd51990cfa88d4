import { sql } from "drizzle-orm";
import { AppError } from "../error.ts";
import type { Transaction } from "./database.ts";
import { databaseFailure, hasSqlState } from "./failure.ts";
import { PGVECTOR_QUERY, type PgvectorRow } from "./pgvector.ts";

/** The roles that transactions run as: for tenants, the control plane, the keyword index. None can log in or owns a table. */
const ROLES = ["cairn_app", "cairn_admin", "cairn_keyword"] as const;

/**
 * Prepares a database for the schema migrations: checks its encoding, installs pgvector, creates the roles and grants
 * them usage of pgvector's schema. Repeatable. Throws `database_error` or `unsafe_role`, with the statements that a login
 * with more rights must run first.
 */
export async function prepareSchema(transaction: Transaction): Promise<void> {
  const [row] = await transaction.orm.selectRows<DatabaseInfo>(
    sql`SELECT current_user AS login, current_database() AS database, getdatabaseencoding() AS encoding`,
  );
  const { login, database, encoding } = row as DatabaseInfo;
  if (encoding !== "UTF8")
    throw refuse(
      `The database ${quote(database)} cannot be used: its encoding is ${encoding}, and Cairn needs UTF8.`,
      `CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'`,
    );
  for (const role of ROLES) await ensureRole(transaction, role, login);
  const schema = await ensureVector(transaction, login);
  await transaction.set({ search_path: `${schema}, pg_temp` });
  await grantUsage(transaction, schema);
}

interface DatabaseInfo {
  readonly login: string;
  readonly database: string;
  readonly encoding: string;
}

/** The schema of pgvector, quoted for SQL. Installs pgvector if it is missing. */
async function ensureVector({ orm, script }: Transaction, login: string): Promise<string> {
  const find = () => orm.selectRows<PgvectorRow & Record<string, unknown>>(sql.raw(PGVECTOR_QUERY));
  const [installed] = await find();
  if (installed) return installed.schema;
  const available = await orm.selectRows(sql`SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'vector'`);
  if (available.length === 0)
    throw refuse(
      "The server does not have pgvector.",
      "apt-get install postgresql-17-pgvector (on the server, for its version), or choose a provider that offers it",
    );
  await script("CREATE EXTENSION vector SCHEMA public").catch((error) => {
    if (!isDenied(error) && !hasSqlState(databaseFailure(error), "3F000")) throw error;
    throw refuse(
      `pgvector is not installed in this database, and the login ${quote(login)} may not install it.`,
      "CREATE EXTENSION vector",
      error,
    );
  });
  const [created] = await find();
  return created?.schema ?? "public";
}

async function ensureRole({ orm, script }: Transaction, role: string, login: string): Promise<void> {
  // Another database of the cluster may create the role at the same moment.
  await script(`
      DO $$
      BEGIN
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '${role}') THEN
          CREATE ROLE ${role} NOLOGIN NOINHERIT;
        END IF;
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
      END
      $$`).catch((error) => {
    if (!isDenied(error)) throw error;
    throw refuse(
      `The role ${role} does not exist, and the login ${quote(login)} may not create it.`,
      `ALTER ROLE ${quote(login)} CREATEROLE`,
      error,
    );
  });
  if (await mayBecome(orm, role)) return;
  await script(`GRANT ${role} TO CURRENT_USER`).catch((error) => {
    if (!isDenied(error)) throw error;
    throw new AppError(
      "unsafe_role",
      `The login ${quote(login)} may not act as ${role}: another login of this server created that role. ` +
        `Run as that login or as a superuser, then try again: GRANT ${ROLES.join(", ")} TO ${quote(login)};`,
      { cause: error },
    );
  });
}

/** Whether the login may SET ROLE. Since PostgreSQL 16 a role's creator is a member of it, but without that right. */
async function mayBecome(orm: Transaction["orm"], role: string): Promise<boolean> {
  const [row] = await orm.selectRows<{ may: boolean }>(sql`
               SELECT CASE WHEN current_setting('server_version_num')::int >= 160000
               THEN pg_has_role(current_user, ${role}::text, 'SET')
               ELSE pg_has_role(current_user, ${role}::text, 'MEMBER') END AS may`);
  return row?.may === true;
}

/** Some providers keep extensions in a separate schema that only their own roles may use. */
async function grantUsage({ orm, script }: Transaction, schema: string): Promise<void> {
  const [row] = await orm.selectRows<{ may: boolean }>(sql`
        SELECT has_schema_privilege('cairn_app', oid, 'USAGE') AS may FROM pg_catalog.pg_namespace
        WHERE quote_ident(nspname) = ${schema}`);
  if (row?.may) return;
  const grant = `GRANT USAGE ON SCHEMA ${schema} TO cairn_app`;
  await script(grant).catch((error) => {
    if (!isDenied(error)) throw error;
    throw refuse(`The role cairn_app may not use the schema ${schema}, which holds pgvector.`, grant, error);
  });
}

/** Whether a statement failed because the login lacks a privilege. */
export function isDenied(error: unknown): boolean {
  return hasSqlState(databaseFailure(error), "42501");
}

function refuse(problem: string, statement: string, cause?: unknown): AppError {
  return new AppError(
    "database_error",
    `${problem} Run as a superuser or as the provider's administrator, then try again: ${statement};`,
    { cause },
  );
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
