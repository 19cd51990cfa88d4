import type { SearchTarget } from "@cairn/core/search/target.ts";
import type { SQL } from "drizzle-orm";

/** Statements by collection and shape. They live as long as the cached collection; a collection has some dozens of shapes. */
const statements = new WeakMap<SearchTarget, Map<string, SQL>>();

/** The statement of a collection. It is created and compiled once. `shape`: what it depends on besides the collection. */
export function cachedStatement(target: SearchTarget, shape: string, create: () => SQL): SQL {
  const own = statements.get(target) ?? new Map<string, SQL>();
  statements.set(target, own);
  const statement = own.get(shape) ?? create();
  own.set(shape, statement);
  return statement;
}
