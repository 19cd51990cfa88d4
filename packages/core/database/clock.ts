import { sql } from "drizzle-orm";

/** SQL: the time of the transaction, as the column `now` of a table `clock`. In CASE and coalesce of an UPDATE, Citus takes no `now()`. */
export const CLOCK = sql`(SELECT now() AS now) AS clock`;
