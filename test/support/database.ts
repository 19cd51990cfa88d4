import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Database } from "@cairn/core/database/database.ts";
import { connectNeon } from "@cairn/core/database/neon.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { connectPglite } from "@cairn/core/database/pglite.ts";
import { Client } from "pg";
import { inject } from "vitest";
import { startNeonRelay } from "./neon-relay.ts";

/** URL of the PostgreSQL server of this test run; undefined with the embedded database. Tests with several connections need it. */
export function serverUrl(): string | undefined {
  return process.env.TEST_DATABASE_URL || undefined;
}

interface TestConnection {
  readonly database: Database;
  stop?(): Promise<void>;
}

/**
 * Connects to a database on the server. TEST_DATABASE_DRIVER chooses the driver: `neon` (Neon's driver through a relay),
 * `pooler` (node-postgres through the transaction pooler in TEST_POOLER_URL) or, if unset, node-postgres. `citus` is not on
 * the server, see `createTestDatabase`.
 */
async function connectTest(url: string): Promise<TestConnection> {
  const driver = process.env.TEST_DATABASE_DRIVER ?? "";
  if (driver === "neon") {
    const relay = await startNeonRelay();
    return { database: connectNeon({ url }), stop: () => relay.stop() };
  }
  if (driver === "pooler") {
    const pooler = process.env.TEST_POOLER_URL;
    if (!pooler) throw new Error("TEST_DATABASE_DRIVER=pooler needs TEST_POOLER_URL, which is not set.");
    return {
      database: connectPg({ url: withDatabase(pooler, new URL(url).pathname.slice(1)), directUrl: url }),
    };
  }
  if (driver) throw new Error(`TEST_DATABASE_DRIVER is ${driver}. It must be neon, pooler or unset.`);
  return { database: connectPg({ url }) };
}

export interface TestDatabase {
  readonly database: Database;
  /** URL of the database on a server; undefined for the embedded database. */
  readonly url: string | undefined;
  /** Closes and drops the database. Fails if a connection was left open. */
  drop(): Promise<void>;
}

/**
 * Creates a database with all schema migrations applied, cloned from the template of the test run. With the driver `citus`, it is
 * the cluster's, emptied for this test file: run one file at a time.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  if (process.env.TEST_DATABASE_DRIVER === "citus") return connectCluster();
  const server = serverUrl();
  return server ? cloneOnServer(server) : cloneInMemory();
}

/** Creates an empty database. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  const server = serverUrl();
  if (server) return cloneOnServer(server, "template1");
  const database = await connectPglite();
  return { database, url: undefined, drop: () => database.close() };
}

async function cloneInMemory(): Promise<TestDatabase> {
  const path = inject("pgliteTemplate");
  if (!path || !existsSync(path))
    throw new Error("The PGlite template of the test run is missing. See test/support/setup.ts.");
  const database = await connectPglite({ template: new Blob([await readFile(path)]) });
  return { database, url: undefined, drop: () => database.close() };
}

async function cloneOnServer(server: string, template = inject("serverTemplate")): Promise<TestDatabase> {
  const name = `cairn_test_${randomUUID().replaceAll("-", "")}`;
  await onServer(server, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = withDatabase(server, name);
  const { database, stop } = await connectTest(url);
  return {
    database,
    url,
    async drop() {
      await database.close();
      await stop?.();
      await onServer(server, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/** URL of a coordinator's database that is migrated, distributed, and has no data that anybody needs. */
export const clusterUrl: string | undefined = process.env.TEST_CITUS_URL || undefined;

let isEmpty: Promise<void> | undefined;

/** Connects to the cluster, and deletes all its data before the first test of a file. */
export async function connectCluster(): Promise<TestDatabase> {
  if (!clusterUrl) throw new Error("TEST_DATABASE_DRIVER=citus needs TEST_CITUS_URL, which is not set.");
  isEmpty ??= emptyCluster(clusterUrl);
  await isEmpty;
  const database = connectPg({ url: clusterUrl });
  return { database, url: clusterUrl, drop: () => database.close() };
}

/** The local tables first: TRUNCATE of a reference table reaches them too, and may not find them in use. */
async function emptyCluster(url: string): Promise<void> {
  await onServer(
    url,
    `DO $$ BEGIN
       EXECUTE (
         SELECT 'TRUNCATE ' || string_agg(oid::regclass::text, ', ') FROM pg_class
         WHERE relnamespace = 'cairn'::regnamespace AND relkind = 'r' AND NOT relispartition
           AND relname <> 'schema_migrations' AND oid NOT IN (SELECT logicalrelid FROM pg_dist_partition));
     END $$`,
  );
  await onServer(url, "TRUNCATE cairn.tenants CASCADE");
}

/** Runs one statement as the server's superuser on a new connection. */
export async function onServer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

declare module "vitest" {
  interface ProvidedContext {
    readonly pgliteTemplate: string;
    readonly serverTemplate: string;
    readonly chromaUrl: string;
  }
}
