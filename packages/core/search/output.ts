import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { tenantSettings } from "../database/transaction.ts";
import { createVectorParser } from "../database/vector-text.ts";
import { MAX_RESPONSE_BYTES, responseTooLarge, vectorBytes } from "../document/response-size.ts";
import type { HitRow } from "./hit.ts";

/** The optional fields of a hit. Only requested fields are read. */
export type HitField = "content" | "metadata" | "uri" | "embedding";

export interface Output {
  /** Default: all but the embedding. */
  readonly fields?: readonly HitField[];
  /** Maximum bytes of these fields in one response. Default `MAX_RESPONSE_BYTES`. */
  readonly maxBytes?: number;
}

/** The default fields. */
export const HIT_FIELDS: readonly HitField[] = ["content", "metadata", "uri"];

const VALUES: Readonly<Record<HitField, SQL>> = {
  content: sql`near.content`,
  metadata: sql`near.metadata::text`,
  uri: sql`near.uri`,
  embedding: sql`near.embedding::text`,
};

const HEADINGS = sql`CASE WHEN near.headings_at = near.updated_at THEN near.headings END`;

const KEY_COLUMNS = sql`near.id, near.long_id, near.chunk`;

/** Bytes of the fields without the vector. octet_length reads only the header of a text, whatever its length. */
function sizeOf(fields: readonly HitField[]): SQL {
  const values = withoutVector(fields).map((field) => VALUES[field]);
  if (fields.includes("content")) values.push(HEADINGS);
  const sizes = values.map((value) => sql`coalesce(octet_length(${value}), 0)`);
  return sizes.length === 0 ? sql`0` : sql`(${sql.join(sizes, sql` + `)})::bigint`;
}

/**
 * The columns of `near` that a search statement returns. They contain the fields if those of all rows fit into the limit
 * (`complete`). Otherwise `readFields` reads the fields of the hits alone, and those of other ranked rows are not sent. It
 * also reads vectors: the rows of a search have none, because copying them took a quarter of its time.
 */
export function outputColumns({ fields = HIT_FIELDS, maxBytes = MAX_RESPONSE_BYTES }: Output = {}): SQL {
  if (fields.includes("embedding")) return sql`${KEY_COLUMNS}, ${sizeOf(fields)}::float8 AS bytes, false AS complete`;
  return fieldColumns(fields, maxBytes);
}

/** The columns of `near` with the fields, the headings with the content, if those of all rows fit into the limit. */
function fieldColumns(fields: readonly HitField[], maxBytes: number): SQL {
  const size = sizeOf(fields);
  const fit = sql`sum(${size}) OVER () <= ${sql.raw(String(Math.trunc(maxBytes)))}`;
  const values = fields.map((field): [string, SQL] => [field, VALUES[field]]);
  if (fields.includes("content")) values.push(["headings", HEADINGS]);
  const columns = values.map(([name, value]) => sql`CASE WHEN ${fit} THEN ${value} END AS ${sql.raw(name)}`);
  return sql.join(
    [KEY_COLUMNS, ...columns, sql`${size}::float8 AS bytes, ${fields.length === 0 ? sql`true` : fit} AS complete`],
    sql`, `,
  );
}

/** A cache key for the columns of `outputColumns`. */
export function outputKey({ fields = HIT_FIELDS, maxBytes = MAX_RESPONSE_BYTES }: Output = {}): string {
  return `${fields.join()} ${maxBytes}`;
}

/** Throws `response_too_large` if the hits exceed the limit of a response. */
export function limitOutput(
  collection: Collection,
  rows: readonly Pick<HitRow, "bytes">[],
  { fields = HIT_FIELDS, maxBytes = MAX_RESPONSE_BYTES }: Output,
): void {
  const rowBytes = fields.includes("embedding") ? vectorBytes(collection) : 0;
  const bytes = rows.reduce((sum, row) => sum + row.bytes + rowBytes, 0);
  if (bytes <= maxBytes) return;
  const remedy = "Lower top_k, send fewer queries, or include fewer fields.";
  throw responseTooLarge(`The search's ${rows.length} hits`, { bytes, maxBytes, remedy });
}

/** The fields of a row, and what comes with them. */
export type Fields = Pick<HitRow, HitField | "headings">;

interface FieldRow extends Omit<HitRow, "embedding"> {
  /** The vector as text. Undefined: not requested. */
  readonly embedding?: string | null;
}

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
      sql`SELECT ${fieldColumns(fields, maxBytes)} FROM unnest(${ids}, ${chunks}) AS requested (id, chunk)
          JOIN (SELECT * FROM cairn.documents WHERE ${inCollection(collection)} AND id = ANY(${ids})) AS near USING (id, chunk)`,
    ],
    { settings: tenantSettings(collection.tenantId) },
  );
  const fieldRows = result as readonly FieldRow[];
  limitOutput(collection, fieldRows, { fields, maxBytes }); // the texts may have become longer since
  const parse = createVectorParser();
  const read = new Map<string, Fields>();
  for (const { embedding, ...row } of fieldRows)
    read.set(rowKey(row), embedding === undefined ? row : { ...row, embedding: await parse(embedding) });
  return read;
}

function withoutVector(fields: readonly HitField[]): readonly HitField[] {
  return fields.filter((field) => field !== "embedding");
}

export function rowKey({ id, chunk }: Pick<HitRow, "id" | "chunk">): string {
  return `${chunk} ${id}`;
}
