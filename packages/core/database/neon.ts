import { Client, neon, Pool } from "@neondatabase/serverless";
import type { SQL } from "drizzle-orm";
import type { Client as PgClient, PoolClient } from "pg";
import { createCompiler } from "./compile.ts";
import type { Answers, Database, ReadOptions } from "./database.ts";
import { connectFailure, databaseFailure } from "./failure.ts";
import { DEFAULT_CONNECTIONS, withFairShare } from "./fair-share.ts";
import { INSTALLATION_QUERY, rememberInstallation } from "./installation.ts";
import type { PgOptions } from "./pg.ts";
import { BEGIN, createPoolWork, runMaintenance } from "./pool.ts";
import { setLocal, setTogether, UNLIMITED } from "./settings.ts";
import { vectorArrayText } from "./vector.ts";

export interface NeonOptions extends PgOptions {
  /** False: a WebSocket for each transaction, where none may outlive the request that opened it. Default: they are kept. */
  readonly keepConnections?: boolean;
}

/**
 * Neon through its own driver, for runtimes that keep no connection: reads go over HTTP, settings and statements as one
 * batch in one round trip; transactions over a WebSocket. Opens nothing before the first.
 */
export function connectNeon(options: NeonOptions): Database {
  const pool = options.keepConnections === false ? acquireNew(options) : acquireKept(options);
  const compile = createCompiler();
  const http = neon(options.url, { fullResults: true });
  const { transaction } = createPoolWork({
    connect: pool.connect,
    begin: (client, settings) => client.query([BEGIN, ...setLocal(settings)].join("; ")),
    wakeTimeout: options.wakeTimeout,
  });

  const installation = rememberInstallation(async () => {
    try {
      return (await http.query(INSTALLATION_QUERY)).rows as readonly object[];
    } catch (error) {
      throw isNetworkFault(error) ? connectFailure(error) : databaseFailure(error);
    }
  });

  /** Over HTTP a parameter is text: a vector's bytes become its text, digit for digit. */
  async function read(statements: readonly SQL[], { settings, values }: ReadOptions = {}): Promise<Answers> {
    const first = setTogether({ ...(await installation.settings()), ...settings });
    const queries = [
      ...(first ? [http.query(first.text, [...first.values])] : []),
      ...statements.map((statement) => {
        const compiled = compile(statement, values);
        return http.query(compiled.text, compiled.values.map(toText));
      }),
    ];
    try {
      const answers = await http.transaction(queries, { readOnly: false, isolationLevel: "ReadCommitted" });
      return answers.slice(first ? 1 : 0).map((answer) => answer.rows as readonly object[]);
    } catch (error) {
      throw isNetworkFault(error) ? connectFailure(error) : databaseFailure(error);
    }
  }

  const database: Database = {
    kind: "neon",
    identity: pool,
    transaction: async (work, settings) =>
      transaction(work, { ...(await installation.settings()), ...settings }),
    read,
    maintain: async (statements, settings = {}, signal) =>
      runMaintenance({
        client: new Client({ connectionString: options.directUrl ?? options.url }) as unknown as PgClient,
        cancel: (pid) => http.query("SELECT pg_cancel_backend($1)", [pid]),
        statements,
        settings: { ...(await installation.settings()), ...UNLIMITED, ...settings },
        signal,
      }),
    vectorTypes: installation.vectorTypes,
    close: pool.close,
  };
  if (options.keepConnections === false) return database; // there is no pool to divide
  const { connections = DEFAULT_CONNECTIONS, tenantConnections, connectTimeout } = options;
  return withFairShare(database, { connections, tenantConnections, waitTimeout: connectTimeout });
}

interface Lender {
  readonly connect: () => Promise<PoolClient>;
  readonly close: () => Promise<void>;
}

function acquireKept({
  url,
  connections = DEFAULT_CONNECTIONS,
  connectTimeout = 10_000,
}: NeonOptions): Lender {
  const pool = new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: connectTimeout,
  });
  pool.on("error", () => {}); // as for node-postgres
  return { connect: () => pool.connect() as unknown as Promise<PoolClient>, close: () => pool.end() };
}

function acquireNew({ url, connectTimeout = 10_000 }: NeonOptions): Lender {
  return {
    async connect() {
      const client = new Client({ connectionString: url, connectionTimeoutMillis: connectTimeout });
      client.on("error", () => {}); // as for a pool's
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

/** The request itself failed: there is no SQLSTATE, as nobody has seen a statement. */
function isNetworkFault(error: unknown): boolean {
  return (
    error instanceof Error && error.name === "NeonDbError" && !(error as { readonly code?: string }).code
  );
}
