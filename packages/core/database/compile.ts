import { fillPlaceholders, type SQL } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";

/** The text and the parameter values that a driver sends. */
export interface CompiledStatement {
  readonly text: string;
  readonly values: unknown[];
}

/** A compiler of statements. It compiles each SQL object once; after that it only fills its placeholders. */
export function createCompiler() {
  const dialect = new PgDialect();
  const cache = new WeakMap<SQL, CompiledStatement>();
  return (statement: SQL, values: Readonly<Record<string, unknown>> = {}): CompiledStatement => {
    let compiled = cache.get(statement);
    if (!compiled) {
      const { sql, params } = dialect.sqlToQuery(statement);
      compiled = { text: sql, values: params };
      cache.set(statement, compiled);
    }
    return { text: compiled.text, values: fillPlaceholders(compiled.values, values) };
  };
}
