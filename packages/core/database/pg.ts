import { drizzle } from "drizzle-orm/node-postgres";
import { Pool, type PoolClient } from "pg";
import { AppError } from "../error.ts";
import type { Database, Orm, Transaction, VectorTypes } from "./database.ts";
import { connectFailure, databaseFailure } from "./failure.ts";

export interface PgOptions {
  /** `postgres://user:password@host:port/database`; a transaction pooler such as PgBouncer may stand before it. */
  readonly url: string;
  /** Connections at most. Default 10. */
  readonly connections?: number;
  /** Milliseconds to wait for a connection, a sleeping server included. Default 10,000. */
  readonly connectTimeout?: number;
}

/** A PostgreSQL server through node-postgres. Opens no connection before the first transaction. */
export function connectPg(options: PgOptions): Database {
  const pool = new Pool({
    connectionString: options.url,
    max: options.connections ?? 10,
    connectionTimeoutMillis: options.connectTimeout ?? 10_000,
    application_name: "cairn",
  });
  // An idle connection that dies is replaced by the pool; without a listener it would end the process.
  pool.on("error", () => {});
  const orms = new WeakMap<PoolClient, Orm>();
  let types: Promise<VectorTypes> | undefined;

  async function transaction<T>(work: (transaction: Transaction) => Promise<T>, begin = ""): Promise<T> {
    let client: PoolClient;
    try {
      client = await pool.connect();
    } catch (error) {
      throw connectFailure(error);
    }
    let broken: Error | undefined;
    const onError = (error: Error) => {
      broken = error;
    };
    client.on("error", onError);
    try {
      await client.query(`BEGIN; ${begin}`);
      const result = await work(pgTransaction(client, orms));
      const { command } = await client.query("COMMIT");
      if (command !== "COMMIT") throw rolledBack();
      return result;
    } catch (error) {
      try {
        await client.query("ROLLBACK");
      } catch (rollbackError) {
        broken ??= rollbackError as Error;
      }
      throw databaseFailure(error);
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  }

  return {
    kind: "pg",
    transaction,
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
