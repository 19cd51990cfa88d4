import type { Writable } from "node:stream";
import type { SQL } from "drizzle-orm";
import { Client, Pool, type PoolClient, type QueryResult } from "pg";
import { createCompiler } from "./compile.ts";
import type { Answers, Database, ReadOptions } from "./database.ts";
import { DEFAULT_CONNECTIONS, withFairShare } from "./fair-share.ts";
import { INSTALLATION_QUERY, rememberInstallation } from "./installation.ts";
import { runBatch } from "./pg-batch.ts";
import { BEGIN, createPoolWork, runMaintenance } from "./pool.ts";
import { type Settings, setLocal, setTogether, UNLIMITED } from "./settings.ts";
import { createStatementCaches, type StatementCache } from "./statement-cache.ts";

export interface PgOptions {
  /** `postgres://user:password@host:port/database`; a transaction pooler such as PgBouncer may stand before it. */
  readonly url: string;
  /** The same database without a transaction pooler before it, for building indexes. Default: `url`. */
  readonly directUrl?: string;
  /** Connections at most. Default 10. */
  readonly connections?: number;
  /** Connections that one tenant uses at once at most. Default: half of them; fewer than all, from 3 on. */
  readonly tenantConnections?: number;
  /** Milliseconds to wait for a connection, a sleeping server included. Work without a time limit waits 60,000 for its turn. Default 10,000. */
  readonly connectTimeout?: number;
  /** Milliseconds to go on asking a server that refuses connections, as one does that wakes up. Default 3,000. */
  readonly wakeTimeout?: number;
}

/** A PostgreSQL server through node-postgres. Opens no connection before the first transaction. */
export function connectPg(options: PgOptions): Database {
  const { connections = DEFAULT_CONNECTIONS, tenantConnections, connectTimeout } = options;
  const pool = new Pool({
    connectionString: options.url,
    max: connections,
    connectionTimeoutMillis: connectTimeout ?? 10_000,
    application_name: "cairn",
    pipeline: true,
  });
  // An idle connection that dies is replaced by the pool; without a listener it would end the process.
  pool.on("error", () => {});
  const plans = createStatementCaches();
  pool.on("connect", (client) => void plans.watch(client).catch(() => {})); // whoever waits for it is told, too
  const compile = createCompiler();
  const { withClient, transaction } = createPoolWork({
    connect: () => pool.connect(),
    begin: (client, settings) =>
      together(client, () => beginning(settings).map((text) => client.query(text))),
    wakeTimeout: options.wakeTimeout,
  });
  const installation = rememberInstallation(() =>
    withClient(async (client) => (await client.query<object>(INSTALLATION_QUERY)).rows),
  );

  async function read(
    statements: readonly SQL[],
    { settings, values, prepare }: ReadOptions = {},
  ): Promise<Answers> {
    const pinned = await installation.settings();
    const asked = statements.map((statement) => compile(statement, values));
    const ask = async (client: PoolClient, kept?: StatementCache) => {
      const all = { ...pinned, ...settings, ...(kept ? { plan_cache_mode: "force_generic_plan" } : {}) };
      const set = kept?.distributed === false ? setTogether(all) : undefined;
      const sent = (set ? [set, ...asked] : asked).map((one) => ({ ...one, ...kept?.take(one.text) }));
      // What one Sync ends is one transaction, without a word about it.
      const answers = await together(client, () => [
        ...(set ? [] : beginning(all).map((text) => client.query(text))),
        runBatch(client, set ? sent : [...sent, { text: "COMMIT" }], kept?.release()),
      ]);
      kept?.keep(sent.flatMap(({ name }) => name ?? []));
      const results = answers.at(-1) as readonly QueryResult<object>[];
      return results.slice(set ? 1 : 0, sent.length).map(({ rows }) => rows);
    };
    return withClient(async (client) => {
      try {
        return await ask(client, prepare ? plans.of(client) : undefined);
      } catch (error) {
        if (!prepare || !plans.recover(client, error)) throw error;
        await client.query("ROLLBACK");
        return ask(client, plans.of(client));
      }
    });
  }

  const database: Database = {
    kind: "pg",
    identity: pool,
    transaction: async (work, settings) =>
      transaction(work, { ...(await installation.settings()), ...settings }),
    read,
    maintain: async (statements, settings = {}, signal) =>
      runMaintenance({
        client: new Client({
          connectionString: options.directUrl ?? options.url,
          application_name: "cairn maintenance",
        }),
        cancel: (pid) => pool.query("SELECT pg_cancel_backend($1)", [pid]),
        statements,
        settings: { ...(await installation.settings()), ...UNLIMITED, ...settings },
        signal,
      }),
    vectorTypes: installation.vectorTypes,
    close: () => pool.end(),
  };
  return withFairShare(database, { connections, tenantConnections, waitTimeout: connectTimeout });
}

/** Settings by themselves: Citus hands a SET LOCAL on to its workers with all that came in the same message. */
function beginning(settings?: Settings): readonly string[] {
  const set = setLocal(settings).join("; ");
  return set ? [BEGIN, set] : [BEGIN];
}

/** What `send` sends is all sent before the first is answered. Where one fails, that failure is thrown, not what it leads to. */
async function together(
  client: PoolClient,
  send: () => readonly Promise<unknown>[],
): Promise<readonly unknown[]> {
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Writable } }).connection;
  stream.cork(); // one write: each of its own costs a quarter of a millisecond
  const asked = send();
  stream.uncork();
  const answers = await Promise.allSettled(asked);
  for (const answer of answers) if (answer.status === "rejected") throw answer.reason;
  return Promise.all(asked);
}
