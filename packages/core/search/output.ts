import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { tenantSettings } from "../database/transaction.ts";
import { inCollection } from "../document/read.ts";
import { MAX_RESPONSE_BYTES, responseTooLarge } from "../document/response-size.ts";
import type { HitRow } from "./hit.ts";

/** What a hit has besides its id, passage and score; nothing else is read. */
export type HitField = "content" | "metadata" | "uri";

export interface Output {
  /** Default: all. */
  readonly fields?: readonly HitField[];
  /** Bytes of these fields in one response at most. Default `MAX_RESPONSE_BYTES`. */
  readonly maxBytes?: number;
}

export const HIT_FIELDS: readonly HitField[] = ["content", "metadata", "uri"];

const VALUES: Readonly<Record<HitField, SQL>> = {
  content: sql`near.content`,
  metadata: sql`near.metadata::text`,
  uri: sql`near.uri`,
};
const NAMES: Readonly<Record<HitField, SQL>> = {
  content: sql`content`,
  metadata: sql`metadata`,
  uri: sql`uri`,
};

/** octet_length of a text reads its header alone, however long it is. */
function sizeOf(fields: readonly HitField[]): SQL {
  const sizes = fields.map((field) => sql`coalesce(octet_length(${VALUES[field]}), 0)`);
  return sizes.length === 0 ? sql`0` : sql`(${sql.join(sizes, sql` + `)})::bigint`;
}

/**
 * The columns of `near` that a search statement returns. The fields of all its rows come along where they fit together
 * (`complete`); else none do, and `readFields` reads those of the hits: what is only there to be ranked is not sent.
 */
export function outputColumns({ fields = HIT_FIELDS, maxBytes = MAX_RESPONSE_BYTES }: Output = {}): SQL {
  const size = sizeOf(fields);
  const fit = sql`sum(${size}) OVER () <= ${sql.raw(String(Math.trunc(maxBytes)))}`;
  const columns = fields.map((field) => sql`CASE WHEN ${fit} THEN ${VALUES[field]} END AS ${NAMES[field]}`);
  return sql.join(
    [
      sql`near.id, near.long_id, near.chunk`,
      ...columns,
      sql`${size}::float8 AS bytes, ${fields.length === 0 ? sql`true` : fit} AS complete`,
    ],
    sql`, `,
  );
}

/** The same for a key in the statement that differs by them. */
export function outputKey({ fields = HIT_FIELDS, maxBytes = MAX_RESPONSE_BYTES }: Output = {}): string {
  return `${fields.join()} ${maxBytes}`;
}

/** Throws `response_too_large` where the hits of a response have more than it may hold. */
export function limitOutput(rows: readonly HitRow[], { maxBytes = MAX_RESPONSE_BYTES }: Output): void {
  const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
  if (bytes <= maxBytes) return;
  const remedy = "Lower top_k, send fewer queries, or leave content out with include.";
  throw responseTooLarge(`The search's ${rows.length} hits`, { bytes, maxBytes, remedy });
}

type Fields = Pick<HitRow, HitField>;

/** The fields of rows that a search found and that did not come along with it, by `rowKey`. */
export async function readFields(
  database: Database,
  collection: Collection,
  { rows, fields = HIT_FIELDS, maxBytes = MAX_RESPONSE_BYTES }: Output & { readonly rows: readonly HitRow[] },
): Promise<ReadonlyMap<string, Fields>> {
  const wanted = [...new Map(rows.map((row) => [rowKey(row), row])).values()];
  const ids = sql`${sql.param(wanted.map(({ id }) => id))}::text[]`;
  const chunks = sql`${sql.param(wanted.map(({ chunk }) => chunk))}::int[]`;
  const [found = []] = await database.read(
    [
      sql`SELECT ${outputColumns({ fields, maxBytes })} FROM unnest(${ids}, ${chunks}) AS wanted (id, chunk)
          JOIN (SELECT * FROM cairn.documents WHERE ${inCollection(collection)} AND id = ANY(${ids})) AS near USING (id, chunk)`,
    ],
    { settings: tenantSettings(collection.tenantId) },
  );
  const read = found as readonly HitRow[];
  limitOutput(read, { maxBytes }); // written since with longer texts
  return new Map(read.map((row) => [rowKey(row), row]));
}

export function rowKey({ id, chunk }: Pick<HitRow, "id" | "chunk">): string {
  return `${chunk} ${id}`;
}
