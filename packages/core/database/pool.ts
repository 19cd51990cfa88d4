import { setTimeout as sleep } from "node:timers/promises";
import { drizzle } from "drizzle-orm/node-postgres";
import type { Client, PoolClient } from "pg";
import { AppError } from "../error.ts";
import type { Orm, Transaction } from "./database.ts";
import { connectFailure, databaseFailure } from "./failure.ts";
import { type Settings, setLocal } from "./settings.ts";

export interface PoolOptions {
  /** Lends a connection. */
  readonly connect: () => Promise<PoolClient>;
  /** Sends BEGIN and the settings, in one round trip. */
  readonly begin: (client: PoolClient, settings?: Settings) => Promise<unknown>;
  /** Milliseconds to go on asking a server that refuses connections, as one does that wakes up. Default 3,000. */
  readonly wakeTimeout?: number;
}

/** Whatever isolation the role or database has by default. */
export const BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED";

/** What a server answers that is not there yet. */
const ASLEEP: ReadonlySet<string> = new Set(["ECONNREFUSED", "ECONNRESET", "57P03"]);

/** Work on the connections of a pool, of node-postgres or of whatever behaves as it does. */
export function createPoolWork({ connect: lend, begin, wakeTimeout = 3_000 }: PoolOptions) {
  const orms = new WeakMap<PoolClient, Orm>();

  /**
   * Lends a connection to `work`, which rolls back what fails. A connection that breaks is not lent again; where it did
   * before `work` said that it has begun, as one does that died while idle, `work` gets another, once.
   */
  async function withClient<T>(work: (client: PoolClient, begun: () => void) => Promise<T>): Promise<T> {
    for (let first = true; ; first = false) {
      const client = await connect();
      let begun = false;
      let broken: Error | undefined;
      const onError = (error: Error) => {
        broken = error;
      };
      client.on("error", onError);
      try {
        return await work(client, () => {
          begun = true;
        });
      } catch (error) {
        try {
          await client.query("ROLLBACK");
        } catch (rollbackError) {
          broken ??= rollbackError as Error;
        }
        const failure = databaseFailure(error);
        const lost = failure instanceof AppError && failure.code === "database_unavailable";
        if (!(first && lost && !begun)) throw failure;
      } finally {
        client.off("error", onError);
        client.release(broken);
      }
    }
  }

  /** A server that sleeps refuses connections until it is awake: it is asked again for a while. */
  async function connect(): Promise<PoolClient> {
    const until = performance.now() + wakeTimeout;
    for (;;) {
      try {
        return await lend();
      } catch (error) {
        const { code } = error as { readonly code?: string };
        if (!ASLEEP.has(code ?? "") || performance.now() > until) throw connectFailure(error);
        await sleep(200);
      }
    }
  }

  function transaction<T>(work: (transaction: Transaction) => Promise<T>, settings?: Settings): Promise<T> {
    return withClient(async (client, begun) => {
      await begin(client, settings);
      begun();
      const result = await work(toTransaction(client));
      const { command } = await client.query("COMMIT");
      if (command !== "COMMIT") throw rolledBack();
      return result;
    });
  }

  function toTransaction(client: PoolClient): Transaction {
    let orm = orms.get(client);
    if (!orm) {
      orm = drizzle(client) as unknown as Orm;
      orms.set(client, orm);
    }
    return {
      orm,
      async script(sql) {
        await client.query(sql);
      },
      async set(settings) {
        await client.query(setLocal(settings).join("; "));
      },
    };
  }

  return { withClient, transaction };
}

/** A statement failed and its error was swallowed: Postgres answers COMMIT with a rollback, and says so quietly. */
function rolledBack(): AppError {
  return new AppError(
    "database_busy",
    "A statement had failed, so the whole transaction was rolled back. Nothing was written; try again.",
  );
}

export interface MaintainOptions {
  /** A connection of its own, not yet open. */
  readonly client: Client;
  /** Ends the statement of the backend with this pid, over another connection. */
  readonly cancel: (pid: number) => Promise<unknown>;
  readonly statements: readonly string[];
  readonly settings: Settings;
  readonly signal: AbortSignal | undefined;
}

/** Runs statements one by one outside any transaction; see Database.maintain. */
export async function runMaintenance({
  client,
  cancel,
  statements,
  settings,
  signal,
}: MaintainOptions): Promise<void> {
  client.on("error", () => {}); // the statement under way is rejected as well
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
