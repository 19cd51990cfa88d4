import type { SQL } from "drizzle-orm";
import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import type { Settings } from "./settings.ts";

/** Drizzle over one open transaction, whichever driver is below. */
export type Orm = PgDatabase<PgQueryResultHKT, Record<string, never>>;

export interface Transaction {
  readonly orm: Orm;
  /** Runs several statements separated by semicolons, without parameters: schema migrations. */
  script(sql: string): Promise<void>;
  /** Settings for the rest of it. */
  set(settings: Settings): Promise<void>;
}

/** Type ids of pgvector's types in this database: they differ from one database to the next. */
export interface VectorTypes {
  readonly vector: number;
}

/** The rows of each statement. */
export type Answers = readonly (readonly object[])[];

export interface ReadOptions {
  readonly settings?: Settings;
  /** Of the statements' placeholders, by name. */
  readonly values?: Readonly<Record<string, unknown>>;
  /**
   * The statements come again and again, and one plan suits all their parameters: a driver may keep it with its
   * connection. To make it takes a third of a search's time.
   */
  readonly prepare?: boolean;
}

/** The seam between the knowledge base and a driver. Everything runs in a transaction: no session state anywhere. */
export interface Database {
  readonly kind: "pglite" | "pg" | "neon";
  /** The same object in whatever is made of this database for one request: what is remembered of it hangs on this. */
  readonly identity: object;
  /**
   * Runs `work` in a transaction as the login role. Commits when it resolves, rolls back when it throws. The settings
   * travel with BEGIN, in the same round trip.
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>, settings?: Settings): Promise<T>;
  /**
   * Reads: the rows of each statement, all in one transaction and, where the driver can, one round trip, settings
   * included. A fixed list: none can depend on another's answer.
   */
  read(statements: readonly SQL[], options?: ReadOptions): Promise<Answers>;
  /**
   * Runs statements one by one outside any transaction, as the login role, on a connection of their own, with these
   * settings of the session: what CREATE INDEX CONCURRENTLY asks for. Needs a direct URL where a transaction pooler
   * stands before the database.
   */
  maintain(
    statements: readonly string[],
    settings?: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Looked up once, when the first vector is written or read. Throws `schema_outdated` where pgvector is missing. */
  vectorTypes(): Promise<VectorTypes>;
  close(): Promise<void>;
}
