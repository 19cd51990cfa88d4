import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { PgDialect } from "drizzle-orm/pg-core";
import { Client, Pool, type PoolClient } from "pg";
import { AppError } from "../error.ts";
import type { Answers, Database, Orm, Transaction, VectorTypes } from "./database.ts";
import { connectFailure, databaseFailure } from "./failure.ts";

export interface PgOptions {
  /** `postgres://user:password@host:port/database`; a transaction pooler such as PgBouncer may stand before it. */
  readonly url: string;
  /** The same database without a transaction pooler before it, for building indexes. Default: `url`. */
  readonly directUrl?: string;
  /** Connections at most. Default 10. */
  readonly connections?: number;
  /** Milliseconds to wait for a connection, a sleeping server included. Default 10,000. */
  readonly connectTimeout?: number;
  /** Milliseconds to go on asking a server that refuses connections, as one does that wakes up. Default 3,000. */
  readonly wakeTimeout?: number;
}

/** What a server answers that is not there yet. */
const ASLEEP: ReadonlySet<string> = new Set(["ECONNREFUSED", "ECONNRESET", "57P03"]);

/** A PostgreSQL server through node-postgres. Opens no connection before the first transaction. */
export function connectPg(options: PgOptions): Database {
  const pool = new Pool({
    connectionString: options.url,
    max: options.connections ?? 10,
    connectionTimeoutMillis: options.connectTimeout ?? 10_000,
    application_name: "cairn",
    pipeline: true,
  });
  const dialect = new PgDialect();
  // An idle connection that dies is replaced by the pool; without a listener it would end the process.
  pool.on("error", () => {});
  const orms = new WeakMap<PoolClient, Orm>();
  let types: Promise<VectorTypes> | undefined;

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
    const until = performance.now() + (options.wakeTimeout ?? 3_000);
    for (;;) {
      try {
        return await pool.connect();
      } catch (error) {
        const { code } = error as { readonly code?: string };
        if (!ASLEEP.has(code ?? "") || performance.now() > until) throw connectFailure(error);
        await sleep(200);
      }
    }
  }

  function transaction<T>(work: (transaction: Transaction) => Promise<T>, begin = ""): Promise<T> {
    return withClient(async (client, begun) => {
      await client.query(`BEGIN; ${begin}`);
      begun();
      const result = await work(pgTransaction(client, orms));
      const { command } = await client.query("COMMIT");
      if (command !== "COMMIT") throw rolledBack();
      return result;
    });
  }

  /** All are sent before the first is answered. Where one fails the server refuses the rest, and nothing is returned. */
  function read(statements: readonly SQL[], begin = ""): Promise<Answers> {
    const rendered = statements.map((statement) => dialect.sqlToQuery(statement));
    return withClient(async (client) => {
      const { stream } = (client as unknown as { readonly connection: { readonly stream: Writable } })
        .connection;
      stream.cork(); // one write: each of its own costs a quarter of a millisecond
      const begun = client.query(`BEGIN; ${begin}`);
      const asked = rendered.map(({ sql, params }) => client.query<object>(sql, params));
      const ended = client.query("COMMIT");
      stream.uncork();
      const answers = await Promise.allSettled([begun, ...asked, ended]);
      for (const answer of answers) if (answer.status === "rejected") throw answer.reason;
      const first = (await begun) as unknown as
        | { readonly rows: object[] }
        | readonly { readonly rows: object[] }[];
      const last = Array.isArray(first) ? first.at(-1) : first;
      return {
        begun: last?.rows ?? [],
        rows: await Promise.all(asked.map(async (answer) => (await answer).rows)),
      };
    });
  }

  async function maintain(
    statements: readonly string[],
    settings: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): Promise<void> {
    const client = new Client({
      connectionString: options.directUrl ?? options.url,
      application_name: "cairn maintenance",
    });
    client.on("error", () => {}); // the statement under way is rejected as well
    try {
      await client.connect();
    } catch (error) {
      throw connectFailure(error);
    }
    const abort = () => void pool.query("SELECT pg_cancel_backend($1)", [pid]).catch(() => {});
    let pid = 0;
    try {
      const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      pid = rows[0]?.pid ?? 0;
      signal?.addEventListener("abort", abort);
      for (const [name, value] of Object.entries(settings))
        await client.query("SELECT set_config($1, $2, false)", [name, value]);
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

  return {
    kind: "pg",
    identity: pool,
    transaction,
    read,
    maintain,
    vectorTypes() {
      types ??= transaction(lookUpVectorTypes).catch((error) => {
        types = undefined;
        throw error;
      });
      return types;
    },
    close: () => pool.end(),
  };
}

/** A statement failed and its error was swallowed: Postgres answers COMMIT with a rollback, and says so quietly. */
function rolledBack(): AppError {
  return new AppError("database_error", "A statement had failed, so the whole transaction was rolled back.");
}

function pgTransaction(client: PoolClient, orms: WeakMap<PoolClient, Orm>): Transaction {
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
  };
}

/** The type id of `vector`; shared by both drivers. */
export async function lookUpVectorTypes({ orm }: Transaction): Promise<VectorTypes> {
  const { rows } = (await orm.execute("SELECT to_regtype('vector')::oid::int8 AS vector")) as unknown as {
    rows: { vector: string | number | null }[];
  };
  const oid = rows[0]?.vector;
  if (oid == null)
    throw new AppError("schema_outdated", "The database lacks pgvector. Run: cairn db migrate");
  return { vector: Number(oid) };
}
