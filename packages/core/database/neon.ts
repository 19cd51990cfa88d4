import { Client, neon, Pool } from "@neondatabase/serverless";
import type { SQL } from "drizzle-orm";
import type { Client as PgClient, PoolClient } from "pg";
import { createCompiler } from "./compile.ts";
import type { Database, ReadOptions, StatementRows } from "./database.ts";
import { connectFailure, databaseFailure } from "./failure.ts";
import { DEFAULT_CONNECTIONS, withFairShare } from "./fair-share.ts";
import type { PgOptions } from "./pg.ts";
import { createPgvectorLookup, PGVECTOR_QUERY } from "./pgvector.ts";
import { BEGIN, createPoolTransactions, runMaintenance } from "./pool.ts";
import { setConfigStatement, setLocal, UNLIMITED } from "./settings.ts";
import { vectorArrayText } from "./vector.ts";

export interface NeonOptions extends PgOptions {
  /** False: each transaction opens its own WebSocket, for runtimes in which none may outlive its request. Default: true. */
  readonly keepConnections?: boolean;
}

/**
 * A Neon database through Neon's driver, for runtimes that keep no connection. Reads use HTTP: settings and statements
 * are one batch in one round trip. Transactions use a WebSocket. Opens nothing before the first use.
 */
export function connectNeon(options: NeonOptions): Database {
  const source = options.keepConnections === false ? unpooledConnections(options) : pooledConnections(options);
  const compile = createCompiler();
  const http = neon(options.url, { fullResults: true });
  const { transaction } = createPoolTransactions({
    acquire: source.acquire,
    begin: (client, settings) => client.query([BEGIN, ...setLocal(settings)].join("; ")),
    set: (client, settings) => client.query(setLocal(settings).join("; ")),
    wakeTimeout: options.wakeTimeout,
  });

  const pgvector = createPgvectorLookup(async () => {
    try {
      return (await http.query(PGVECTOR_QUERY)).rows as readonly object[];
    } catch (error) {
      throw isNetworkFault(error) ? connectFailure(error) : databaseFailure(error);
    }
  });

  /** Over HTTP a parameter is text: the bytes of a vector are converted to its exact text. */
  async function read(statements: readonly SQL[], { settings, values }: ReadOptions = {}): Promise<StatementRows> {
    const setConfig = setConfigStatement({ ...(await pgvector.settings()), ...settings });
    const queries = [
      ...(setConfig ? [http.query(setConfig.text, [...setConfig.values])] : []),
      ...statements.map((statement) => {
        const compiled = compile(statement, values);
        return http.query(compiled.text, compiled.values.map(toText));
      }),
    ];
    try {
      const results = await http.transaction(queries, { readOnly: false, isolationLevel: "ReadCommitted" });
      return results.slice(setConfig ? 1 : 0).map((result) => result.rows as readonly object[]);
    } catch (error) {
      throw isNetworkFault(error) ? connectFailure(error) : databaseFailure(error);
    }
  }

  const database: Database = {
    kind: "neon",
    identity: source,
    transaction: async (work, settings) => transaction(work, { ...(await pgvector.settings()), ...settings }),
    read,
    maintain: async (statements, settings = {}, signal) =>
      runMaintenance({
        client: new Client({ connectionString: options.directUrl ?? options.url }) as unknown as PgClient,
        cancel: (pid) => http.query("SELECT pg_cancel_backend($1)", [pid]),
        statements,
        settings: { ...(await pgvector.settings()), ...UNLIMITED, ...settings },
        signal,
      }),
    vectorTypes: pgvector.vectorTypes,
    close: source.close,
  };
  if (options.keepConnections === false) return database; // there is no pool to divide
  const { connections = DEFAULT_CONNECTIONS, tenantConnections, connectTimeout } = options;
  return withFairShare(database, { connections, tenantConnections, waitTimeout: connectTimeout });
}

interface ConnectionSource {
  readonly acquire: () => Promise<PoolClient>;
  readonly close: () => Promise<void>;
}

function pooledConnections({
  url,
  connections = DEFAULT_CONNECTIONS,
  connectTimeout = 10_000,
}: NeonOptions): ConnectionSource {
  const pool = new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: connectTimeout,
  });
  pool.on("error", () => {}); // see connectPg
  return { acquire: () => pool.connect() as unknown as Promise<PoolClient>, close: () => pool.end() };
}

function unpooledConnections({ url, connectTimeout = 10_000 }: NeonOptions): ConnectionSource {
  return {
    async acquire() {
      const client = new Client({ connectionString: url, connectionTimeoutMillis: connectTimeout });
      client.on("error", () => {}); // without a listener the error would end the process
      await client.connect();
      const release = () => void client.end().catch(() => {});
      return Object.assign(client, { release }) as unknown as PoolClient;
    },
    async close() {},
  };
}

function toText(value: unknown): unknown {
  return value instanceof Uint8Array ? vectorArrayText(value) : value;
}

/** Whether the HTTP request itself failed. Then there is no SQLSTATE, because no statement reached the database. */
function isNetworkFault(error: unknown): boolean {
  return error instanceof Error && error.name === "NeonDbError" && !(error as { readonly code?: string }).code;
}
