import { fillPlaceholders, type SQL } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";

/** A statement as a driver sends it. */
export interface Compiled {
  readonly text: string;
  readonly values: unknown[];
}

/** Compiles statements; one that comes again, as the same object, only has its placeholders filled. */
export function createCompiler() {
  const dialect = new PgDialect();
  const known = new WeakMap<SQL, Compiled>();
  return (statement: SQL, values: Readonly<Record<string, unknown>> = {}): Compiled => {
    let compiled = known.get(statement);
    if (!compiled) {
      const { sql, params } = dialect.sqlToQuery(statement);
      compiled = { text: sql, values: params };
      known.set(statement, compiled);
    }
    return { text: compiled.text, values: fillPlaceholders(compiled.values, values) };
  };
}
