import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { tenantSettings } from "../database/transaction.ts";
import { MAX_RESPONSE_BYTES, responseTooLarge } from "../document/response-size.ts";
import type { HitRow } from "./hit.ts";

/** The optional fields of a hit. Only requested fields are read. */
export type HitField = "content" | "metadata" | "uri";

export interface Output {
  /** Default: all. */
  readonly fields?: readonly HitField[];
  /** Maximum bytes of these fields in one response. Default `MAX_RESPONSE_BYTES`. */
  readonly maxBytes?: number;
}

export const HIT_FIELDS: readonly HitField[] = ["content", "metadata", "uri"];

const VALUES: Readonly<Record<HitField, SQL>> = {
  content: sql`near.content`,
  metadata: sql`near.metadata::text`,
  uri: sql`near.uri`,
};
/** Bytes of the fields. octet_length reads only the header of a text, whatever its length. */
function sizeOf(fields: readonly HitField[]): SQL {
  const sizes = fields.map((field) => sql`coalesce(octet_length(${VALUES[field]}), 0)`);
  return sizes.length === 0 ? sql`0` : sql`(${sql.join(sizes, sql` + `)})::bigint`;
}

/**
 * The columns of `near` that a search statement returns. They contain the fields if those of all rows fit into the limit
 * (`complete`). Otherwise `readFields` reads the fields of the hits alone, and those of other ranked rows are not sent.
 */
export function outputColumns({ fields = HIT_FIELDS, maxBytes = MAX_RESPONSE_BYTES }: Output = {}): SQL {
  const size = sizeOf(fields);
  const fit = sql`sum(${size}) OVER () <= ${sql.raw(String(Math.trunc(maxBytes)))}`;
  const columns = fields.map((field) => sql`CASE WHEN ${fit} THEN ${VALUES[field]} END AS ${sql.raw(field)}`);
  return sql.join(
    [
      sql`near.id, near.long_id, near.chunk`,
      ...columns,
      sql`${size}::float8 AS bytes, ${fields.length === 0 ? sql`true` : fit} AS complete`,
    ],
    sql`, `,
  );
}

/** A cache key for the columns of `outputColumns`. */
export function outputKey({ fields = HIT_FIELDS, maxBytes = MAX_RESPONSE_BYTES }: Output = {}): string {
  return `${fields.join()} ${maxBytes}`;
}

/** Throws `response_too_large` if the hits exceed the limit of a response. */
export function limitOutput(rows: readonly HitRow[], { maxBytes = MAX_RESPONSE_BYTES }: Output): void {
  const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
  if (bytes <= maxBytes) return;
  const remedy = "Lower top_k, send fewer queries, or leave content out with include.";
  throw responseTooLarge(`The search's ${rows.length} hits`, { bytes, maxBytes, remedy });
}

type Fields = Pick<HitRow, HitField>;

/** The fields of incomplete rows, by `rowKey`. */
export async function readFields(
  database: Database,
  collection: Collection,
  { rows, fields = HIT_FIELDS, maxBytes = MAX_RESPONSE_BYTES }: Output & { readonly rows: readonly HitRow[] },
): Promise<ReadonlyMap<string, Fields>> {
  const distinct = [...new Map(rows.map((row) => [rowKey(row), row])).values()];
  const ids = sql`${sql.param(distinct.map(({ id }) => id))}::text[]`;
  const chunks = sql`${sql.param(distinct.map(({ chunk }) => chunk))}::int[]`;
  const [result = []] = await database.read(
    [
      sql`SELECT ${outputColumns({ fields, maxBytes })} FROM unnest(${ids}, ${chunks}) AS requested (id, chunk)
          JOIN (SELECT * FROM cairn.documents WHERE ${inCollection(collection)} AND id = ANY(${ids})) AS near USING (id, chunk)`,
    ],
    { settings: tenantSettings(collection.tenantId) },
  );
  const fieldRows = result as readonly HitRow[];
  limitOutput(fieldRows, { maxBytes }); // the texts may have become longer since
  return new Map(fieldRows.map((row) => [rowKey(row), row]));
}

export function rowKey({ id, chunk }: Pick<HitRow, "id" | "chunk">): string {
  return `${chunk} ${id}`;
}
