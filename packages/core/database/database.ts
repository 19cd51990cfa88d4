import type { SQL } from "drizzle-orm";
import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import type { Settings } from "./settings.ts";

export type Drizzle = PgDatabase<PgQueryResultHKT, Record<string, never>>;

/** Drizzle on one open transaction of any driver. */
export interface Orm extends Drizzle {
  /** The rows of an SQL statement. */
  selectRows<Row extends object>(statement: SQL): Promise<Row[]>;
}

export interface Transaction {
  readonly orm: Orm;
  /** Runs several statements separated by semicolons, without parameters. For schema migrations. */
  script(sql: string): Promise<void>;
  /** Changes settings for the rest of the transaction. */
  set(settings: Settings): Promise<void>;
  /** Makes the server process retain memory for statements of megabytes, see `retainMemory`. Once per connection. */
  reserveMemory(): Promise<void>;
}

/** Type ids of pgvector's types in this database. They differ between databases. */
export interface VectorTypes {
  readonly vector: number;
}

/** The rows of each statement, in the order of the statements. */
export type StatementRows = readonly (readonly object[])[];

export interface ReadOptions {
  readonly settings?: Settings;
  /** Values of the statements' placeholders, by name. */
  readonly values?: Readonly<Record<string, unknown>>;
  /**
   * Whether the driver may use prepared statements. For statements that run often and for which one generic plan suits
   * all parameters. Planning takes a third of a search's time.
   */
  readonly prepare?: boolean;
}

/** The interface between the knowledge base and a driver. Everything runs in a transaction; nothing uses session state. */
export interface Database {
  readonly kind: "pglite" | "pg" | "neon";
  /** The key for caches of this database. Every wrapper of a database for one request has the same object here. */
  readonly identity: object;
  /**
   * Runs `work` in a transaction as the login role. Commits when it resolves, rolls back when it throws. The settings
   * are sent with BEGIN, in the same round trip.
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>, settings?: Settings): Promise<T>;
  /**
   * The rows of each statement. All run in one transaction and, if the driver supports it, in one round trip, settings
   * included. No statement can depend on the rows of another.
   */
  read(statements: readonly SQL[], options?: ReadOptions): Promise<StatementRows>;
  /**
   * Runs statements one by one outside any transaction, as the login role, on their own connection, with these session
   * settings. CREATE INDEX CONCURRENTLY requires this. Needs a direct URL if the database is behind a transaction
   * pooler.
   */
  maintain(
    statements: readonly string[],
    settings?: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Looked up once, when the first vector is written or read. Throws `schema_outdated` if pgvector is missing. */
  vectorTypes(): Promise<VectorTypes>;
  close(): Promise<void>;
}
