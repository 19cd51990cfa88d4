import { type SQL, sql } from "drizzle-orm";
import { type Collection, isCollection } from "../collection/collection.ts";
import type { Orm, VectorTypes } from "../database/database.ts";
import { encodeJson } from "../database/json.ts";
import { encodeText } from "../database/text.ts";
import { uuidLiteral } from "../database/transaction.ts";
import { encodeVectorArray } from "../database/vector.ts";
import { supportsBinary } from "../index/settings.ts";
import { hasSameRole } from "../replication/capture.ts";
import { nextTurn } from "../turn.ts";
import { ROW_BYTES, type StorageQuota, selectQuota } from "../usage/quota.ts";
import type { Row } from "./document.ts";
import { encodeHeadings } from "./headings.ts";
import { storeId } from "./id.ts";
import { REPLACED_ORIGIN } from "./tombstone.ts";

// The INSERT of rows of documents: vectors in binary, in slices, in the order of their keys.

/** A row with its place among the rows of the call. */
export type NumberedRow = Row & { readonly place: number };

export function numberRows<R extends Row>(rows: readonly R[]): readonly (R & NumberedRow)[] {
  return rows.map((row, place) => ({ ...row, place }));
}

/** Bits of `documents.sequence` that number the rows of one write. */
export const PLACE_BITS = 20;

/**
 * SQL: the value of `documents.sequence` for a row `r`. A write takes one value of the sequence for all its slices: the first
 * takes it, the others use it. Copied rows keep their value.
 */
function sequenceOf(rows: readonly NumberedRow[], { isFirst }: { readonly isFirst: boolean }): SQL {
  if (rows[0]?.sequence !== undefined) return sql`r.sequence`;
  const value = sql.raw(isFirst ? "nextval" : "currval");
  return sql`((SELECT ${value}('cairn.document_sequence')) << ${sql.raw(String(PLACE_BITS))}) + r.place`;
}

/**
 * The rows in the order of their keys, in which every statement locks rows of `documents`. Two writers of the same ids then
 * wait for each other and do not deadlock. Keys are compared by bytes, as with `COLLATE "C"`.
 */
export function inLockOrder<R extends Pick<Row, "id" | "chunk">>(rows: readonly R[]): readonly R[] {
  const keyOf = memoize((id: string) => Buffer.from(storeId(id).key));
  const keyed = rows.map((row) => ({ row, key: keyOf(row.id) }));
  return keyed.sort((a, b) => a.key.compare(b.key) || a.row.chunk - b.row.chunk).map(({ row }) => row);
}

/** Minimum bytes of rows per statement. Postgres holds four copies of them until the statement ends. */
const MIN_SLICE_BYTES = 600_000;

export function* sliceRows<R extends Pick<Row, "embedding" | "content">>(rows: readonly R[]): Generator<readonly R[]> {
  let start = 0;
  let bytes = 0;
  for (const [index, { embedding, content }] of rows.entries()) {
    bytes += (embedding?.byteLength ?? 0) + (content?.length ?? 0);
    if (bytes < MIN_SLICE_BYTES) continue;
    yield rows.slice(start, index + 1);
    start = index + 1;
    bytes = 0;
  }
  if (start < rows.length) yield rows.slice(start);
}

/** Sends each slice without waiting for the previous responses. Encoding a slice takes about 5 ms. */
export async function sendSlices<T, R>(
  slices: readonly T[],
  send: (slice: T, index: number) => Promise<R>,
): Promise<readonly R[]> {
  const sent: Promise<R>[] = [];
  for (const [at, slice] of slices.entries()) {
    if (at > 0) await nextTurn();
    const response = send(slice, at);
    response.catch(() => {}); // Promise.all reports it after all slices are sent
    sent.push(response);
  }
  return Promise.all(sent);
}

/** Memoizes `create`: all passages of a document have the same id and metadata, which may be long. */
function memoize<A, R>(create: (argument: A) => R): (argument: A) => R {
  const results = new Map<A, R>();
  return (argument) => {
    const result = results.get(argument) ?? create(argument);
    results.set(argument, result);
    return result;
  };
}

export interface InsertOptions {
  readonly types: VectorTypes;
  /** The migration run that writes. Undefined: the service writes. */
  readonly origin?: string;
  /** Whether this is the first slice of the call. */
  readonly isFirst: boolean;
  /** SQL: what happens to an existing row `d` of the same key, after ON CONFLICT. */
  readonly onConflict: SQL;
}

export interface Inserted {
  /** Rows that were inserted or replaced. */
  readonly written: number;
  readonly replaced: number;
  /** Bytes of the largest metadata of a replaced row, as JSON. */
  readonly bytes: number;
  /** What the tenant may store. Null: it has no quota, and `size` is 0. */
  readonly quota: StorageQuota | null;
  /** Bytes of the written rows. */
  readonly size: number;
}

/** Inserts a slice of rows. */
export async function insertSlice(
  orm: Orm,
  collection: Collection,
  rows: readonly NumberedRow[],
  { types, origin, isFirst, onConflict }: InsertOptions,
): Promise<Inserted> {
  const keyOf = memoize(storeId);
  const metadataOf = memoize(encodeJson);
  const keys = rows.map((row) => keyOf(row.id));
  const tenant = uuidLiteral(collection.tenantId);
  const vectors = encodeVectorArray(
    rows.map((row) => row.embedding),
    types.vector,
  );
  const [inserted] = await orm.selectRows<Inserted>(sql`
    WITH quota AS MATERIALIZED (${selectQuota(collection.tenantId)}),
    written AS (
    INSERT INTO cairn.documents AS d
      (tenant_id, collection_id, segment, sequence, id, long_id, chunk, content, text_offset, offset_at, headings, headings_at, embedding, bits, metadata, uri, origin)
    SELECT ${tenant}, ${uuidLiteral(collection.id)}, ${openSegment(collection)}, ${sequenceOf(rows, { isFirst })}, r.id, r.long_id, r.chunk, r.content,
           r.text_offset, now(), r.headings, CASE WHEN r.headings IS NOT NULL THEN now() END, r.embedding, ${bitsOf(collection, rows)}, r.metadata::jsonb, r.uri, r.origin
    FROM unnest(
      ${sql.param(keys.map(({ key }) => key))}::text[],
      ${sql.param(keys.map(({ longId }) => longId))}::text[],
      ${sql.param(rows.map((row) => row.chunk))}::int[],
      ${sql.param(rows.map((row) => (row.content === null ? null : encodeText(row.content))))}::text[],
      ${sql.param(rows.map((row) => row.offset ?? null))}::int[],
      ${sql.param(rows.map(({ headings }) => encodeHeadings(headings)))}::text[],
      ${sql.param(vectors)}::vector[],
      ${sql.param(rows.map((row) => metadataOf(row.metadata)))}::text[],
      ${sql.param(rows.map((row) => (row.uri === null ? null : encodeText(row.uri))))}::text[],
      ${sql.param(rows.map((row) => row.origin ?? origin ?? null))}::uuid[],
      ${sql.param(rows.map((row) => row.sequence ?? null))}::bigint[],
      ${sql.param(rows.map((row) => row.place))}::int[]
    ) AS r (id, long_id, chunk, content, text_offset, headings, embedding, metadata, uri, origin, sequence, place)
    ON CONFLICT (tenant_id, collection_id, id, chunk) ${onConflict}
    RETURNING d.created_at <> d.updated_at AS replaced,
              CASE WHEN d.created_at <> d.updated_at THEN octet_length(d.metadata::text) END AS bytes,
              CASE WHEN EXISTS (SELECT FROM quota) THEN ${ROW_BYTES} END AS size)
    SELECT count(*)::int AS written, count(*) FILTER (WHERE replaced)::int AS replaced, coalesce(max(bytes), 0)::int AS bytes,
           (SELECT quota FROM quota) AS quota,
           coalesce(sum(size), 0)::float8 AS size
    FROM written`);
  return inserted ?? { written: 0, replaced: 0, bytes: 0, quota: null, size: 0 };
}

/** SQL: whether an import wrote the row and the service has not replaced it since. */
export function isImported(origin: SQL): SQL {
  return sql`(${origin} IS NOT NULL AND ${origin} <> ${uuidLiteral(REPLACED_ORIGIN)})`;
}

/** SQL: the origin of a replaced row. It records that an import wrote the row once, so that its deletion leaves a tombstone. */
export function nextOrigin(): SQL {
  return sql`CASE WHEN excluded.origin IS NULL AND d.origin IS NOT NULL THEN ${uuidLiteral(REPLACED_ORIGIN)} ELSE excluded.origin END`;
}

/** SQL: the origin of a row `d` that the service changes, as `nextOrigin`. */
export const REPLACED = sql`CASE WHEN d.origin IS NOT NULL THEN ${uuidLiteral(REPLACED_ORIGIN)} END`;

/** SQL: the binary quantization of a vector, which is stored if an index may use it. */
export function bitsOf(
  { metric, dimensions, indexSettings }: Collection,
  rows: readonly Pick<Row, "embedding">[],
): SQL {
  const givenDimensions = rows.find(({ embedding }) => embedding)?.embedding?.length ?? null;
  const isStored =
    indexSettings.precision === "bit" || supportsBinary({ metric, dimensions: dimensions ?? givenDimensions });
  return isStored ? sql`binary_quantize(r.embedding)` : sql`NULL`;
}

/**
 * SQL: the open segment. New rows belong to the tail, which every search compares completely; if the segment is closed in
 * the meantime, they belong to its index. If the collection was deleted or replaced, there is no open segment and the
 * statement fails with `collection_changed`, as if its replication role has changed. The lock prevents all of this until this transaction ends.
 */
export function openSegment(collection: Collection): SQL {
  return sql`(SELECT open_segment FROM cairn.collections
              WHERE ${isCollection(collection)}
                AND replaced_by IS NULL AND ${hasSameRole(collection)}
              FOR KEY SHARE)`;
}
