import type { SQL } from "drizzle-orm";
import type { Drizzle, Orm } from "./database.ts";

/** The rows of an SQL statement. All drivers return an object with `rows`, although their types do not say so. */
export async function selectRows<Row extends object>(drizzle: Drizzle, statement: SQL): Promise<Row[]> {
  const result = (await drizzle.execute(statement)) as unknown as { readonly rows: Row[] };
  return result.rows;
}

/** Adds `selectRows` to Drizzle on a connection. */
export function toOrm(drizzle: unknown): Orm {
  return Object.assign(drizzle as Drizzle, {
    selectRows<Row extends object>(this: Drizzle, statement: SQL) {
      return selectRows<Row>(this, statement);
    },
  });
}
