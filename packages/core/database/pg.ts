import type { SQL } from "drizzle-orm";
import { Client, Pool, type PoolClient, type QueryResult } from "pg";
import { createCompiler } from "./compile.ts";
import type { Database, ReadOptions, StatementRows } from "./database.ts";
import { DEFAULT_CONNECTIONS, withFairShare } from "./fair-share.ts";
import { pipeline, runBatch } from "./pg-internals.ts";
import { createPgvectorLookup, PGVECTOR_QUERY } from "./pgvector.ts";
import { BEGIN, createPoolTransactions, runMaintenance } from "./pool.ts";
import { type Settings, setConfigStatement, settingMessages, UNLIMITED } from "./settings.ts";
import { createStatementCaches, type StatementCache } from "./statement-cache.ts";

export interface PgOptions {
  /** `postgres://user:password@host:port/database`. It can be the address of a transaction pooler such as PgBouncer. */
  readonly url: string;
  /** The same database without a transaction pooler, for building indexes. Default: `url`. */
  readonly directUrl?: string;
  /** Maximum number of connections. Default 10. */
  readonly connections?: number;
  /** Maximum number of connections of one tenant. Default: half of `connections`. With 3 or more connections, always fewer than all. */
  readonly tenantConnections?: number;
  /** Milliseconds to wait for a connection, including the start of a suspended server. Work without a time limit waits 60,000 by default. Default 10,000. */
  readonly connectTimeout?: number;
  /** Milliseconds to retry a server that refuses connections, as a server does while it starts. Default 3,000. */
  readonly wakeTimeout?: number;
}

/** A database on a PostgreSQL server, through node-postgres. Opens no connection before the first transaction. */
export function connectPg(options: PgOptions): Database {
  const { connections = DEFAULT_CONNECTIONS, tenantConnections, connectTimeout } = options;
  const pool = new Pool({
    connectionString: options.url,
    max: connections,
    connectionTimeoutMillis: connectTimeout ?? 10_000,
    application_name: "cairn",
    pipeline: true,
  });
  // The pool replaces an idle connection that dies. Without a listener the error would end the process.
  pool.on("error", () => {});
  const caches = createStatementCaches();
  pool.on("connect", (client) => void caches.register(client).catch(() => {})); // the caller's own query fails as well
  const compile = createCompiler();
  // As for Citus until the server has answered that it is none: each message more costs 30 µs, and no round trip.
  const messagesOf = (settings?: Settings) =>
    settingMessages(settings, { isDistributed: caches.isDistributed() ?? true });
  const send = (client: PoolClient, messages: readonly string[]) =>
    pipeline(client, () => messages.map((text) => client.query(text)));
  const { withClient, transaction } = createPoolTransactions({
    acquire: () => pool.connect(),
    begin: (client, settings) => send(client, [BEGIN, ...messagesOf(settings)]),
    set: (client, settings) => send(client, messagesOf(settings)),
    wakeTimeout: options.wakeTimeout,
  });
  const pgvector = createPgvectorLookup(() =>
    withClient(async (client) => (await client.query<object>(PGVECTOR_QUERY)).rows),
  );

  async function read(
    statements: readonly SQL[],
    { settings, values, prepare }: ReadOptions = {},
  ): Promise<StatementRows> {
    const pinned = await pgvector.settings();
    const compiled = statements.map((statement) => compile(statement, values));
    const run = async (client: PoolClient, cache?: StatementCache) => {
      const all = { ...pinned, ...settings, ...(cache ? { plan_cache_mode: "force_generic_plan" } : {}) };
      const setConfig = cache && caches.isDistributed() === false ? setConfigStatement(all) : undefined;
      const batch = (setConfig ? [setConfig, ...compiled] : compiled).map((statement) => ({
        ...statement,
        ...cache?.use(statement.text),
      }));
      // Statements up to one Sync are one implicit transaction, so setConfig needs no BEGIN and COMMIT.
      const responses = await pipeline(client, () => [
        ...(setConfig ? [] : [BEGIN, ...messagesOf(all)].map((text) => client.query(text))),
        runBatch(client, setConfig ? batch : [...batch, { text: "COMMIT" }], cache?.takeEvicted()),
      ]);
      cache?.markPrepared(batch.flatMap(({ name }) => name ?? []));
      const results = responses.at(-1) as readonly QueryResult<object>[];
      return results.slice(setConfig ? 1 : 0, batch.length).map(({ rows }) => rows);
    };
    return withClient(async (client) => {
      try {
        return await run(client, prepare ? caches.get(client) : undefined);
      } catch (error) {
        if (!prepare || !caches.recover(client, error)) throw error;
        await client.query("ROLLBACK");
        return run(client, caches.get(client));
      }
    });
  }

  const database: Database = {
    kind: "pg",
    identity: pool,
    transaction: async (work, settings) => transaction(work, { ...(await pgvector.settings()), ...settings }),
    read,
    maintain: async (statements, settings = {}, signal) =>
      runMaintenance({
        client: new Client({
          connectionString: options.directUrl ?? options.url,
          application_name: "cairn maintenance",
        }),
        cancel: (pid) => pool.query("SELECT pg_cancel_backend($1)", [pid]),
        statements,
        settings: { ...(await pgvector.settings()), ...UNLIMITED, ...settings },
        signal,
      }),
    vectorTypes: pgvector.vectorTypes,
    close: () => pool.end(),
  };
  return withFairShare(database, { connections, tenantConnections, waitTimeout: connectTimeout });
}
