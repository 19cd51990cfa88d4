import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection, isCollection } from "../collection/collection.ts";
import type { Orm, Transaction, VectorTypes } from "../database/database.ts";
import { encodeJson } from "../database/json.ts";
import { encodeText } from "../database/text.ts";
import { uuidLiteral } from "../database/transaction.ts";
import { encodeVectorArray } from "../database/vector.ts";
import { AppError } from "../error.ts";
import { supportsBinary } from "../index/settings.ts";
import { nextTurn } from "../turn.ts";
import type { Row } from "./document.ts";
import { eraseReplaced, readContentHashes } from "./erase.ts";
import { storeId } from "./id.ts";
import { REPLACED_ORIGIN } from "./tombstone.ts";

export interface WriteOptions {
  readonly types: VectorTypes;
  /** The migration run that writes. Undefined: the service writes. */
  readonly origin?: string;
  /** Skips the cleanup after a replacement: other rows with the same ids, cached vectors and copies stay. Default false. */
  readonly skipCleanup?: boolean;
  /** Does not change rows that the service wrote. For imports. Default false. */
  readonly keepServiceRows?: boolean;
}

/**
 * Writes complete documents in the tenant's open transaction and replaces documents with the same ids. The replaced texts
 * are deleted from the copies of the collection and from the embedding cache. All writes to the table use this function:
 * vectors are sent in binary, and a vector of wrong dimensions is rejected before anything is sent.
 * Returns the number of written rows: all, unless `keepServiceRows` skips some. Throws `dimension_mismatch` and
 * `collection_changed`.
 */
export async function writeRows(
  transaction: Transaction,
  collection: Collection,
  rows: readonly Row[],
  options: WriteOptions,
): Promise<number> {
  if (rows.length === 0) return 0;
  assertDimensions(collection, rows);
  await setInitialDimensions(transaction, collection, rows);
  const { orm } = transaction;
  const slices = [...sliceRows(inLockOrder(numberRows(rows)))];
  const [before, , written] = await Promise.all([
    options.skipCleanup ? [] : readContentHashes(orm, collection, rows),
    slices.length > 1 ? transaction.reserveMemory() : undefined,
    sendSlices(slices, (slice, index) => writeSlice(orm, collection, slice, { ...options, isFirst: index === 0 })),
  ]);
  // A previous text with more passages also had the first one: if no row was replaced, no old passage is left.
  // This runs last: the writes above have waited for concurrent writers of the same ids, so it sees their rows.
  if (!options.skipCleanup && written.some(({ replaced }) => replaced > 0))
    await Promise.all([
      deleteSurplusPassages(transaction, collection, rows, options),
      eraseReplaced(orm, collection, { before, rows }),
    ]);
  return written.reduce((sum, slice) => sum + slice.written, 0);
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

/**
 * The rows in the order of their keys, in which every statement locks rows of `documents`. Two writers of the same ids then
 * wait for each other and do not deadlock. Keys are compared by bytes, as with `COLLATE "C"`.
 */
export function inLockOrder<R extends Pick<Row, "id" | "chunk">>(rows: readonly R[]): readonly R[] {
  const keyOf = memoize((id: string) => Buffer.from(storeId(id).key));
  const keyed = rows.map((row) => ({ row, key: keyOf(row.id) }));
  return keyed.sort((a, b) => a.key.compare(b.key) || a.row.chunk - b.row.chunk).map(({ row }) => row);
}

/** A row with its place among the rows of the call. */
export type NumberedRow = Row & { readonly place: number };

export function numberRows<R extends Row>(rows: readonly R[]): readonly (R & NumberedRow)[] {
  return rows.map((row, place) => ({ ...row, place }));
}

/** Bits of `documents.sequence` that number the rows of one write. */
const PLACE_BITS = 20;

/**
 * SQL: the value of `documents.sequence` for a row `r`. A write takes one value of the sequence for all its slices: the first
 * takes it, the others use it. Copied rows keep their value.
 */
export function sequenceOf(rows: readonly NumberedRow[], { isFirst }: { readonly isFirst: boolean }): SQL {
  if (rows[0]?.sequence !== undefined) return sql`r.sequence`;
  const value = sql.raw(isFirst ? "nextval" : "currval");
  return sql`((SELECT ${value}('cairn.document_sequence')) << ${sql.raw(String(PLACE_BITS))}) + r.place`;
}

/** Memoizes `create`: all passages of a document have the same id and metadata, which may be long. */
export function memoize<A, R>(create: (argument: A) => R): (argument: A) => R {
  const results = new Map<A, R>();
  return (argument) => {
    const result = results.get(argument) ?? create(argument);
    results.set(argument, result);
    return result;
  };
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

/** Writes a slice. Returns the number of written rows, and how many of them replaced a row. */
async function writeSlice(
  orm: Orm,
  collection: Collection,
  rows: readonly NumberedRow[],
  { types, origin, keepServiceRows, isFirst }: WriteOptions & { readonly isFirst: boolean },
): Promise<{ readonly written: number; readonly replaced: number }> {
  const keyOf = memoize(storeId);
  const metadataOf = memoize(encodeJson);
  const keys = rows.map((row) => keyOf(row.id));
  const tenant = uuidLiteral(collection.tenantId);
  const vectors = encodeVectorArray(
    rows.map((row) => row.embedding),
    types.vector,
  );
  const [written] = await orm.selectRows<{ written: number; replaced: number }>(sql`
    WITH written AS (
    INSERT INTO cairn.documents AS d
      (tenant_id, collection_id, segment, sequence, id, long_id, chunk, content, text_offset, offset_at, embedding, bits, metadata, uri, origin)
    SELECT ${tenant}, ${uuidLiteral(collection.id)}, ${openSegment(collection)}, ${sequenceOf(rows, { isFirst })}, r.id, r.long_id, r.chunk, r.content,
           r.text_offset, now(), r.embedding, ${bitsOf(collection, rows)}, r.metadata::jsonb, r.uri, r.origin
    FROM unnest(
      ${sql.param(keys.map(({ key }) => key))}::text[],
      ${sql.param(keys.map(({ longId }) => longId))}::text[],
      ${sql.param(rows.map((row) => row.chunk))}::int[],
      ${sql.param(rows.map((row) => (row.content === null ? null : encodeText(row.content))))}::text[],
      ${sql.param(rows.map((row) => row.offset ?? null))}::int[],
      ${sql.param(vectors)}::vector[],
      ${sql.param(rows.map((row) => metadataOf(row.metadata)))}::text[],
      ${sql.param(rows.map((row) => (row.uri === null ? null : encodeText(row.uri))))}::text[],
      ${sql.param(rows.map((row) => row.origin ?? origin ?? null))}::uuid[],
      ${sql.param(rows.map((row) => row.sequence ?? null))}::bigint[],
      ${sql.param(rows.map((row) => row.place))}::int[]
    ) AS r (id, long_id, chunk, content, text_offset, embedding, metadata, uri, origin, sequence, place)
    ON CONFLICT (tenant_id, collection_id, id, chunk) DO UPDATE SET
      content = excluded.content, text_offset = excluded.text_offset, offset_at = excluded.offset_at,
      embedding = excluded.embedding, bits = excluded.bits, metadata = excluded.metadata, segment = excluded.segment,
      uri = excluded.uri, long_id = excluded.long_id, origin = ${nextOrigin()}, updated_at = excluded.updated_at
    ${keepServiceRows ? sql`WHERE ${isImported(sql`d.origin`)}` : sql``}
    RETURNING d.created_at <> d.updated_at AS replaced)
    SELECT count(*)::int AS written, count(*) FILTER (WHERE replaced)::int AS replaced FROM written`);
  return written ?? { written: 0, replaced: 0 };
}

/** SQL: whether an import wrote the row and the service has not replaced it since. */
export function isImported(origin: SQL): SQL {
  return sql`(${origin} IS NOT NULL AND ${origin} <> ${uuidLiteral(REPLACED_ORIGIN)})`;
}

/** SQL: the origin of a replaced row. It records that an import wrote the row once, so that its deletion leaves a tombstone. */
export function nextOrigin(): SQL {
  return sql`CASE WHEN excluded.origin IS NULL AND d.origin IS NOT NULL THEN ${uuidLiteral(REPLACED_ORIGIN)} ELSE excluded.origin END`;
}

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
 * statement fails with `collection_changed`. The lock prevents both until this transaction ends.
 */
export function openSegment(collection: Collection): SQL {
  return sql`(SELECT open_segment FROM cairn.collections
              WHERE ${isCollection(collection)}
                AND replaced_by IS NULL
              FOR KEY SHARE)`;
}

/** Throws `dimension_mismatch` with both numbers and the vector's path if a vector does not have the collection's dimensions. */
export function assertDimensions(
  collection: Collection,
  rows: readonly (Pick<Row, "id" | "embedding"> & { readonly path?: string })[],
): void {
  const expected = collection.dimensions ?? rows.find((row) => row.embedding)?.embedding?.length;
  for (const { id, embedding, path } of rows) {
    if (!embedding || embedding.length === expected) continue;
    throw new AppError(
      "dimension_mismatch",
      `The vector cannot be stored: collection ${JSON.stringify(collection.name)} has vectors of ${expected} dimensions, and the ` +
        `vector of document ${JSON.stringify(id.slice(0, 80))} has ${embedding.length}. Embed it with the collection's model` +
        `${collection.embeddingModel ? ` (${collection.embeddingModel})` : ""}, or create a collection of ${embedding.length} dimensions.`,
      { path },
    );
  }
}

/** Sets the dimensions of a collection without dimensions to those of its first vector. */
export async function setInitialDimensions(
  { orm }: Transaction,
  collection: Collection,
  rows: readonly Pick<Row, "embedding">[],
): Promise<void> {
  const dimensions = rows.find((row) => row.embedding)?.embedding?.length;
  if (collection.dimensions !== null || dimensions === undefined) return;
  const updated = await orm.execute(sql`
    UPDATE cairn.collections SET dimensions = ${dimensions}::int
    WHERE ${isCollection(collection)}
      AND (dimensions IS NULL OR dimensions = ${dimensions}::int)
    RETURNING id`);
  if ((updated as unknown as { rows: unknown[] }).rows.length === 0)
    throw new AppError(
      "dimension_mismatch",
      `Vectors of ${dimensions} dimensions cannot be stored: another request has just written vectors of other dimensions to collection ${JSON.stringify(collection.name)}. Use vectors of those dimensions.`,
    );
}

/** Deletes the passages after the new end of a text that became shorter. */
async function deleteSurplusPassages(
  { orm }: Transaction,
  collection: Collection,
  rows: readonly Row[],
  { keepServiceRows }: WriteOptions,
): Promise<void> {
  const chunks = new Map<string, number>();
  for (const row of rows) {
    const { key } = storeId(row.id);
    chunks.set(key, Math.max(chunks.get(key) ?? 0, row.chunk + 1));
  }
  await orm.execute(sql`
    DELETE FROM cairn.documents AS d
    USING unnest(${sql.param([...chunks.keys()])}::text[], ${sql.param([...chunks.values()])}::int[]) AS r (id, chunks)
    WHERE ${inCollection(collection, sql`d.`)} AND d.id = r.id AND d.chunk >= r.chunks ${keepServiceRows ? sql`AND ${isImported(sql`d.origin`)}` : sql``}`);
}
