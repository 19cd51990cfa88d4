import { type SQL, sql } from "drizzle-orm";

/** SQL: when a lease ends that is acquired or renewed now. */
export function leaseEnd(milliseconds: number): SQL {
  return sql`now() + ${milliseconds}::float8 * interval '1 millisecond'`;
}
