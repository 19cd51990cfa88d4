import type { SQL } from "drizzle-orm";
import type { Orm } from "./database.ts";

/** The rows of an SQL statement. All drivers return an object with `rows`, although their types do not say so. */
export async function selectRows<Row extends object>(orm: Orm, statement: SQL): Promise<Row[]> {
  const result = (await orm.execute(statement)) as unknown as { readonly rows: Row[] };
  return result.rows;
}
