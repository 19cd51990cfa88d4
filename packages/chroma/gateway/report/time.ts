import { type SQL, sql } from "drizzle-orm";

/** A time in SQL as text: ISO 8601 in UTC. */
export function isoTime(time: SQL): SQL {
  return sql`to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`;
}
