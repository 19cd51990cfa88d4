import { setTimeout as sleep } from "node:timers/promises";
import { drizzle } from "drizzle-orm/node-postgres";
import type { Client, PoolClient } from "pg";
import { AppError } from "../error.ts";
import type { Orm, Transaction } from "./database.ts";
import { connectFailure, databaseFailure } from "./failure.ts";
import { toOrm } from "./rows.ts";
import { retainMemory } from "./server-memory.ts";
import type { Settings } from "./settings.ts";

export interface PoolOptions {
  /** Acquires a connection. Its `release` returns it. */
  readonly acquire: () => Promise<PoolClient>;
  /** Sends BEGIN and the settings, in one round trip. */
  readonly begin: (client: PoolClient, settings?: Settings) => Promise<unknown>;
  /** Sends the settings, in one round trip. */
  readonly set: (client: PoolClient, settings: Settings) => Promise<unknown>;
  /** Milliseconds to retry a server that refuses connections, as a server does while it starts. Default 3,000. */
  readonly wakeTimeout?: number;
}

/** Sets the isolation level, because a role or database can have another default. */
export const BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED";

/** Megabytes of a large statement, such as a slice of a write. */
const STATEMENT_MEMORY_MB = 8;

/** Errors of a server that is starting. */
const STARTING: ReadonlySet<string> = new Set(["ECONNREFUSED", "ECONNRESET", "57P03"]);

/** Transactions on the connections of a pool, of node-postgres or of a driver with its interface. */
export function createPoolTransactions({ acquire, begin, set, wakeTimeout = 3_000 }: PoolOptions) {
  const orms = new WeakMap<PoolClient, Orm>();
  const withMemory = new WeakSet<PoolClient>();

  /**
   * Runs `work` with a connection, and rolls back if it fails. A broken connection is not reused. If it was broken before
   * `work` called `markBegun`, as a connection that died while idle is, `work` runs again on another one, once.
   */
  async function withClient<T>(work: (client: PoolClient, markBegun: () => void) => Promise<T>): Promise<T> {
    for (let isFirstAttempt = true; ; isFirstAttempt = false) {
      const client = await acquireWithRetry();
      let hasBegun = false;
      let connectionError: Error | undefined;
      const onError = (error: Error) => {
        connectionError = error;
      };
      client.on("error", onError);
      try {
        return await work(client, () => {
          hasBegun = true;
        });
      } catch (error) {
        try {
          await client.query("ROLLBACK");
        } catch (rollbackError) {
          connectionError ??= rollbackError as Error;
        }
        const failure = databaseFailure(error);
        const isLost = failure instanceof AppError && failure.code === "database_unavailable";
        if (!(isFirstAttempt && isLost && !hasBegun)) throw failure;
      } finally {
        client.off("error", onError);
        client.release(connectionError);
      }
    }
  }

  /** Acquires a connection. Retries for `wakeTimeout`, because a suspended server refuses connections until it has started. */
  async function acquireWithRetry(): Promise<PoolClient> {
    const deadline = performance.now() + wakeTimeout;
    for (;;) {
      try {
        return await acquire();
      } catch (error) {
        const { code } = error as { readonly code?: string };
        if (!STARTING.has(code ?? "") || performance.now() > deadline) throw connectFailure(error);
        await sleep(200);
      }
    }
  }

  function transaction<T>(work: (transaction: Transaction) => Promise<T>, settings?: Settings): Promise<T> {
    return withClient(async (client, markBegun) => {
      await begin(client, settings);
      markBegun();
      const result = await work(toTransaction(client));
      const { command } = await client.query("COMMIT");
      if (command !== "COMMIT") throw rolledBack();
      return result;
    });
  }

  function toTransaction(client: PoolClient): Transaction {
    let orm = orms.get(client);
    if (!orm) {
      orm = toOrm(drizzle(client));
      orms.set(client, orm);
    }
    return {
      orm,
      async script(sql) {
        await client.query(sql);
      },
      async set(settings) {
        await set(client, settings);
      },
      async reserveMemory() {
        if (withMemory.has(client)) return;
        withMemory.add(client);
        await client.query(`SELECT ${retainMemory(STATEMENT_MEMORY_MB)}`);
      },
    };
  }

  return { withClient, transaction };
}

/** The error if a statement failed and its error was swallowed: Postgres then answers COMMIT with a silent rollback. */
function rolledBack(): AppError {
  return new AppError(
    "database_busy",
    "A statement failed, so the transaction was rolled back. Nothing was written. Try again.",
  );
}

export interface MaintainOptions {
  /** A dedicated connection, not yet open. */
  readonly client: Client;
  /** Cancels the statement of the backend with this pid, over another connection. */
  readonly cancel: (pid: number) => Promise<unknown>;
  readonly statements: readonly string[];
  readonly settings: Settings;
  readonly signal: AbortSignal | undefined;
}

/** Runs statements one by one outside any transaction. See `Database.maintain`. */
export async function runMaintenance({ client, cancel, statements, settings, signal }: MaintainOptions): Promise<void> {
  client.on("error", () => {}); // the running statement is rejected as well
  try {
    await client.connect();
  } catch (error) {
    throw connectFailure(error);
  }
  const abort = () => void cancel(pid).catch(() => {});
  let pid = 0;
  try {
    const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    pid = rows[0]?.pid ?? 0;
    signal?.addEventListener("abort", abort);
    for (const [name, value] of Object.entries(settings))
      await client.query("SELECT set_config($1, $2, false)", [name, String(value)]);
    for (const statement of statements) {
      signal?.throwIfAborted();
      await client.query(statement);
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw databaseFailure(error);
  } finally {
    signal?.removeEventListener("abort", abort);
    await client.end();
  }
}
