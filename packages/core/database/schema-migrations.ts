import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { AppError } from "../error.ts";
import type { Database, Transaction } from "./database.ts";
import { isDenied, prepareSchema } from "./prepare-schema.ts";
import { UNLIMITED } from "./settings.ts";

export interface SchemaMigration {
  readonly version: number;
  readonly name: string;
}

export interface SchemaStatus {
  readonly applied: readonly (SchemaMigration & { readonly appliedAt: Date })[];
  readonly pending: readonly SchemaMigration[];
}

/** Folder of the numbered SQL files: `0001_name.up.sql` and `0001_name.down.sql`. */
const DIRECTORY = fileURLToPath(new URL("../../../migrations/", import.meta.url));

/**
 * Applies all pending schema migrations in one transaction, and returns them. A second process that runs at the same time
 * waits for the first and then has nothing to apply.
 */
export async function migrateSchema(database: Database, directory = DIRECTORY): Promise<readonly SchemaMigration[]> {
  const all = await listMigrations(directory);
  return database.transaction(async (transaction) => {
    const applied = await lockHistory(transaction, all, prepareSchema);
    const pending = all.filter(({ version }) => !applied.has(version));
    for (const migration of pending) {
      await transaction.script(await readMigration(directory, migration, "up"));
      await transaction.orm.execute(
        sql`INSERT INTO cairn.schema_migrations (version, name) VALUES (${migration.version}, ${migration.name})`,
      );
    }
    return pending;
  });
}

/** Reverts the newest `steps` schema migrations (default 1), including their data, and returns them, newest first. */
export async function rollbackSchema(
  database: Database,
  options: { readonly steps?: number; readonly directory?: string } = {},
): Promise<readonly SchemaMigration[]> {
  const directory = options.directory ?? DIRECTORY;
  const all = await listMigrations(directory);
  return database.transaction(async (transaction) => {
    const applied = await lockHistory(transaction, all);
    const newest = all
      .filter(({ version }) => applied.has(version))
      .reverse()
      .slice(0, options.steps ?? 1);
    for (const migration of newest) {
      await transaction.script(await readMigration(directory, migration, "down"));
      await transaction.orm.execute(sql`DELETE FROM cairn.schema_migrations WHERE version = ${migration.version}`);
    }
    return newest;
  });
}

/** The applied and the pending schema migrations. Changes nothing. */
export async function schemaStatus(database: Database, directory = DIRECTORY): Promise<SchemaStatus> {
  const all = await listMigrations(directory);
  return database.transaction(async (transaction) => {
    const [history] = await transaction.orm.selectRows<{ exists: boolean }>(
      sql`SELECT to_regclass('cairn.schema_migrations') IS NOT NULL AS exists`,
    );
    const applied = history?.exists ? await readHistory(transaction) : new Map<number, Date>();
    refuseUnknown(applied, all);
    return {
      applied: all.flatMap((migration) => {
        const appliedAt = applied.get(migration.version);
        return appliedAt ? [{ ...migration, appliedAt }] : [];
      }),
      pending: all.filter(({ version }) => !applied.has(version)),
    };
  });
}

/** Locks the history until the transaction ends. A transaction-level lock also works behind a transaction pooler. */
async function lockHistory(
  transaction: Transaction,
  all: readonly SchemaMigration[],
  prepare?: (transaction: Transaction) => Promise<void>,
): Promise<Map<number, Date>> {
  await transaction.orm.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended('cairn.schema_migrations', 0))`);
  await transaction.script("SET LOCAL client_min_messages = warning");
  await transaction.set(UNLIMITED);
  await prepare?.(transaction);
  await createHistory(transaction);
  const applied = await readHistory(transaction);
  refuseUnknown(applied, all);
  return applied;
}

/** Throws `database_error`, which names the privilege that the login lacks. */
async function createHistory({ script }: Transaction): Promise<void> {
  try {
    await script(`
      DO $$
      BEGIN
        IF to_regnamespace('cairn') IS NULL THEN CREATE SCHEMA cairn; END IF;
      END
      $$;
      CREATE TABLE IF NOT EXISTS cairn.schema_migrations (
        version    integer PRIMARY KEY,
        name       text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
      )`);
  } catch (error) {
    if (!isDenied(error)) throw error;
    throw new AppError(
      "database_error",
      "This login may not change the schema cairn of this database. Run it with the login that owns the schema; " +
        "or, if the schema does not exist yet, run as the database's owner: GRANT CREATE ON DATABASE the_database TO the_login;",
      { cause: error },
    );
  }
}

async function readHistory({ orm }: Transaction): Promise<Map<number, Date>> {
  const rows = await orm.selectRows<{ version: number; applied_at: string }>(
    sql`SELECT version, applied_at FROM cairn.schema_migrations ORDER BY version`,
  );
  return new Map(rows.map((row) => [row.version, new Date(row.applied_at)]));
}

function refuseUnknown(applied: ReadonlyMap<number, Date>, all: readonly SchemaMigration[]): void {
  const versions = new Set(all.map(({ version }) => version));
  const unknown = [...applied.keys()].filter((version) => !versions.has(version));
  if (unknown.length > 0)
    throw new AppError(
      "schema_outdated",
      `The database has schema migration ${unknown.join(", ")}, which this version of Cairn does not have. Use a newer Cairn.`,
    );
}

async function listMigrations(directory: string): Promise<readonly SchemaMigration[]> {
  const files = (await readdir(directory)).sort();
  return files.flatMap((file) => {
    const match = /^(\d{4})_(\w+)\.up\.sql$/.exec(file);
    return match?.[1] && match[2] ? [{ version: Number(match[1]), name: match[2] }] : [];
  });
}

function readMigration(
  directory: string,
  { version, name }: SchemaMigration,
  direction: "up" | "down",
): Promise<string> {
  return readFile(join(directory, `${String(version).padStart(4, "0")}_${name}.${direction}.sql`), "utf8");
}
