import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";

/** Drizzle over one open transaction, whichever driver is below. */
export type Orm = PgDatabase<PgQueryResultHKT, Record<string, never>>;

export interface Transaction {
  readonly orm: Orm;
  /** Runs several statements separated by semicolons, without parameters: schema migrations, `SET LOCAL`. */
  script(sql: string): Promise<void>;
}

/** Type ids of pgvector's types in this database: they differ from one database to the next. */
export interface VectorTypes {
  readonly vector: number;
}

/** The seam between the knowledge base and a driver. Everything runs in a transaction: no session state anywhere. */
export interface Database {
  readonly kind: "pglite" | "pg";
  /**
   * Runs `work` in a transaction as the login role. Commits when it resolves, rolls back when it throws. `begin`:
   * statements that travel with BEGIN, in the same round trip.
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>, begin?: string): Promise<T>;
  /** Looked up once, when the first vector is written or read. Throws `schema_outdated` where pgvector is missing. */
  vectorTypes(): Promise<VectorTypes>;
  close(): Promise<void>;
}
