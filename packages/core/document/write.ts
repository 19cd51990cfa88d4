import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { supportsBinary } from "../collection/index-settings.ts";
import type { Orm, Transaction, VectorTypes } from "../database/database.ts";
import { encodeJson } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import { retainMemory } from "../database/server-memory.ts";
import { encodeText } from "../database/text.ts";
import { uuidLiteral } from "../database/transaction.ts";
import { encodeVectorArray } from "../database/vector.ts";
import { AppError } from "../error.ts";
import { nextTurn } from "../turn.ts";
import type { Row } from "./document.ts";
import { eraseTexts, readTexts } from "./erase.ts";
import { storeId } from "./id.ts";
import { REPLACED } from "./tombstone.ts";

export interface WriteOptions {
  readonly types: VectorTypes;
  /** The import that writes; none: the service's own. */
  readonly origin?: string;
  /** Rows and not whole documents: what else there is of their ids stays. */
  readonly fresh?: boolean;
  /** Rows that the service wrote stay as they are. For imports. */
  readonly keepOwn?: boolean;
}

/**
 * Writes whole documents in the tenant's open transaction, replacing what was there under the same ids: in the copies of
 * the collection and in the cache of embeddings nothing of that is left. The one way
 * into the table: vectors travel in binary, and one of a wrong size is refused before anything is sent.
 * Returns how many rows were written: all, unless `keepOwn` keeps some. Throws `dimension_mismatch`, `collection_changed`.
 */
export async function writeRows(
  transaction: Transaction,
  collection: Collection,
  rows: readonly Row[],
  options: WriteOptions,
): Promise<number> {
  if (rows.length === 0) return 0;
  assertDimensions(collection, rows);
  await claimDimensions(transaction, collection, rows);
  const { orm } = transaction;
  const slices = [...sliceRows(inLockOrder(rows))];
  const [before, , written] = await Promise.all([
    options.fresh ? [] : readTexts(orm, collection, rows),
    slices.length > 1 ? keepSlice(orm) : undefined,
    sendInTurns(slices, (slice) => writeSlice(orm, collection, slice, options)),
  ]);
  // A text that had more passages had the first one, too: where no row was replaced, nothing can be left over.
  // Last: whoever writes the same ids at the same moment has been waited for above, and this sees what they wrote.
  if (!options.fresh && written.some(({ replaced }) => replaced > 0))
    await Promise.all([
      deleteLeftOver(transaction, collection, rows, options),
      eraseTexts(orm, collection, { before, rows }),
    ]);
  return written.reduce((sum, slice) => sum + slice.written, 0);
}

/** Sends each slice without waiting for the answers to those before; encoding one takes some 5 ms. */
async function sendInTurns<T, R>(
  slices: readonly T[],
  send: (slice: T) => Promise<R>,
): Promise<readonly R[]> {
  const sent: Promise<R>[] = [];
  for (const [at, slice] of slices.entries()) {
    if (at > 0) await nextTurn();
    const answer = send(slice);
    answer.catch(() => {}); // told by Promise.all, once all are sent
    sent.push(answer);
  }
  return Promise.all(sent);
}

/**
 * Rows in the order of their keys, the order in which every statement locks rows of `documents`: two writers of the
 * same ids then wait for each other instead of ending in a deadlock. Bytes are compared, as `COLLATE "C"` does.
 */
function inLockOrder(rows: readonly Row[]): readonly Row[] {
  const keyOf = onceEach((id: string) => Buffer.from(storeId(id).key));
  const keyed = rows.map((row) => ({ row, key: keyOf(row.id) }));
  return keyed.sort((a, b) => a.key.compare(b.key) || a.row.chunk - b.row.chunk).map(({ row }) => row);
}

/** `make` done once for each argument: the passages of a document have its id and metadata, which may be long. */
function onceEach<A, R>(make: (argument: A) => R): (argument: A) => R {
  const made = new Map<A, R>();
  return (argument) => {
    const result = made.get(argument) ?? make(argument);
    made.set(argument, result);
    return result;
  };
}

/** Bytes of a statement's rows, at least: Postgres holds them four times over until the statement ends. */
const SLICE = 600_000;

function* sliceRows(rows: readonly Row[]): Generator<readonly Row[]> {
  let start = 0;
  let bytes = 0;
  for (const [index, { embedding, content }] of rows.entries()) {
    bytes += (embedding?.byteLength ?? 0) + (content?.length ?? 0);
    if (bytes < SLICE) continue;
    yield rows.slice(start, index + 1);
    start = index + 1;
    bytes = 0;
  }
  if (start < rows.length) yield rows.slice(start);
}

/** Connections, by what Drizzle makes of each, whose server process keeps what a slice takes. */
const keeping = new WeakSet<Orm>();

async function keepSlice(orm: Orm): Promise<void> {
  if (keeping.has(orm)) return;
  keeping.add(orm);
  await orm.execute(sql.raw(`SELECT ${retainMemory(8)}`));
}

/** Rows written, and those of them that were there before. */
async function writeSlice(
  orm: Orm,
  collection: Collection,
  rows: readonly Row[],
  { types, origin, keepOwn }: WriteOptions,
): Promise<{ readonly written: number; readonly replaced: number }> {
  const keyOf = onceEach(storeId);
  const metadataOf = onceEach(encodeJson);
  const keys = rows.map((row) => keyOf(row.id));
  const tenant = uuidLiteral(collection.tenantId);
  const vectors = encodeVectorArray(
    rows.map((row) => row.embedding),
    types.vector,
  );
  const [written] = await selectRows<{ written: number; replaced: number }>(
    orm,
    sql`
    WITH written AS (
    INSERT INTO cairn.documents AS d
      (tenant_id, collection_id, segment, id, long_id, chunk, content, text_offset, offset_at, embedding, bits, metadata, uri, origin)
    SELECT ${tenant}, ${uuidLiteral(collection.id)}, ${openSegment(collection)}, r.id, r.long_id, r.chunk, r.content,
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
      ${sql.param(rows.map((row) => row.origin ?? origin ?? null))}::uuid[]
    ) AS r (id, long_id, chunk, content, text_offset, embedding, metadata, uri, origin)
    ON CONFLICT (tenant_id, collection_id, id, chunk) DO UPDATE SET
      content = excluded.content, text_offset = excluded.text_offset, offset_at = excluded.offset_at,
      embedding = excluded.embedding, bits = excluded.bits, metadata = excluded.metadata, segment = excluded.segment,
      uri = excluded.uri, long_id = excluded.long_id, origin = ${nextOrigin()}, updated_at = excluded.updated_at
    ${keepOwn ? sql`WHERE ${isImported(sql`d.origin`)}` : sql``}
    RETURNING d.created_at <> d.updated_at AS replaced)
    SELECT count(*)::int AS written, count(*) FILTER (WHERE replaced)::int AS replaced FROM written`,
  );
  return written ?? { written: 0, replaced: 0 };
}

/** Whether an import wrote a row and nobody has replaced it since. */
export function isImported(origin: SQL): SQL {
  return sql`(${origin} IS NOT NULL AND ${origin} <> ${uuidLiteral(REPLACED)})`;
}

/** Of a row that is replaced: that an import wrote it once is remembered, so that its deletion leaves a tombstone. */
function nextOrigin(): SQL {
  return sql`CASE WHEN excluded.origin IS NULL AND d.origin IS NOT NULL THEN ${uuidLiteral(REPLACED)} ELSE excluded.origin END`;
}

/** The bits of a vector, beside it where an index may hold them. */
function bitsOf({ metric, dimensions, indexSettings }: Collection, rows: readonly Row[]): SQL {
  const given = rows.find(({ embedding }) => embedding)?.embedding?.length ?? null;
  const indexed =
    indexSettings.precision === "bit" || supportsBinary({ metric, dimensions: dimensions ?? given });
  return indexed ? sql`binary_quantize(r.embedding)` : sql`NULL`;
}

/**
 * What is written lands in the tail, every row of which a search looks at; should the segment be closed meanwhile, in its index.
 * There is none, and the statement fails with `collection_changed`, where the collection is gone or another has taken
 * its place: the lock lets none do so before this transaction has ended.
 */
function openSegment(collection: Collection): SQL {
  return sql`(SELECT open_segment FROM cairn.collections
              WHERE tenant_id = ${uuidLiteral(collection.tenantId)} AND id = ${uuidLiteral(collection.id)}
                AND replaced_by IS NULL
              FOR KEY SHARE)`;
}

/** Throws `dimension_mismatch`, naming both sizes and the vector's path, where one does not fit its collection. */
export function assertDimensions(
  collection: Collection,
  rows: readonly (Pick<Row, "id" | "embedding"> & { readonly path?: string })[],
): void {
  const expected = collection.dimensions ?? rows.find((row) => row.embedding)?.embedding?.length;
  for (const { id, embedding, path } of rows) {
    if (!embedding || embedding.length === expected) continue;
    throw new AppError(
      "dimension_mismatch",
      `Collection ${JSON.stringify(collection.name)} holds vectors of ${expected} dimensions, and the one of document ` +
        `${JSON.stringify(id.slice(0, 80))} has ${embedding.length}. Embed it with the collection's model` +
        `${collection.embeddingModel ? ` (${collection.embeddingModel})` : ""}, or make a collection of ${embedding.length} dimensions.`,
      { path },
    );
  }
}

/** The first vector decides the size of a collection that was made without one. */
async function claimDimensions(
  { orm }: Transaction,
  collection: Collection,
  rows: readonly Row[],
): Promise<void> {
  const size = rows.find((row) => row.embedding)?.embedding?.length;
  if (collection.dimensions !== null || size === undefined) return;
  const claimed = await orm.execute(sql`
    UPDATE cairn.collections SET dimensions = ${size}::int
    WHERE tenant_id = ${uuidLiteral(collection.tenantId)} AND id = ${uuidLiteral(collection.id)}
      AND (dimensions IS NULL OR dimensions = ${size}::int)
    RETURNING id`);
  if ((claimed as unknown as { rows: unknown[] }).rows.length === 0)
    throw new AppError(
      "dimension_mismatch",
      `Collection ${JSON.stringify(collection.name)} was given vectors of another size than ${size} meanwhile.`,
    );
}

/** A text that became shorter has fewer passages: the ones past its new end go. */
async function deleteLeftOver(
  { orm }: Transaction,
  collection: Collection,
  rows: readonly Row[],
  { keepOwn }: WriteOptions,
): Promise<void> {
  const chunks = new Map<string, number>();
  for (const row of rows) {
    const { key } = storeId(row.id);
    chunks.set(key, Math.max(chunks.get(key) ?? 0, row.chunk + 1));
  }
  await orm.execute(sql`
    DELETE FROM cairn.documents AS d
    USING unnest(${sql.param([...chunks.keys()])}::text[], ${sql.param([...chunks.values()])}::int[]) AS r (id, chunks)
    WHERE d.tenant_id = ${uuidLiteral(collection.tenantId)} AND d.collection_id = ${uuidLiteral(collection.id)}
      AND d.id = r.id AND d.chunk >= r.chunks ${keepOwn ? sql`AND ${isImported(sql`d.origin`)}` : sql``}`);
}
