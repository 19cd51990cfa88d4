import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import { CLOCK } from "../database/clock.ts";
import type { Transaction, VectorTypes } from "../database/database.ts";
import { encodeJson } from "../database/json.ts";
import { eraseReplaced, NONE_REPLACED, type ReplacedOptions, readReplaced } from "../document/erase.ts";
import { storeId } from "../document/id.ts";
import { inLockOrder, insertSlice, nextOrigin, numberRows, sendSlices, sliceRows } from "../document/insert.ts";
import { MAX_METADATA_BYTES } from "../document/metadata.ts";
import { assertDimensions, chargeWritten, setInitialDimensions } from "../document/write.ts";
import { AppError } from "../error.ts";
import { captureChanges } from "../replication/capture.ts";
import { firstOfEachId, foldRecords, type RecordInput } from "./record.ts";

export interface WriteRecordsOptions {
  readonly types: VectorTypes;
  /** What happens to existing records: `ignore` keeps them, `merge` changes what the input sets. */
  readonly existing: "ignore" | "merge";
}

/**
 * Writes records in the tenant's open transaction and returns the number of written ones. Of inputs with the same id, the
 * first is written (`ignore`), or all in order (`merge`). A record keeps its place in the insertion order. Throws
 * `dimension_mismatch`, `collection_changed`, `quota_exceeded`, and `invalid_input` if metadata becomes too large.
 */
export async function writeRecords(
  transaction: Transaction,
  collection: Collection,
  records: readonly RecordInput[],
  { types, existing }: WriteRecordsOptions,
): Promise<number> {
  const inputs = existing === "ignore" ? firstOfEachId(records) : foldRecords(records);
  const rows = numberRows(
    inputs.map((input) => ({ ...input, chunk: 0, offset: 0, embedding: input.embedding ?? null })),
  );
  if (rows.length === 0) return 0;
  assertDimensions(collection, rows);
  await captureChanges(
    transaction,
    collection,
    inputs.map(({ id }) => id),
  );
  await setInitialDimensions(transaction, collection, rows);
  const { orm } = transaction;
  const slices = [...sliceRows(inLockOrder(rows))];
  const onConflict = existing === "ignore" ? sql`DO NOTHING` : mergeRow(inputs);
  const [before, , inserted] = await Promise.all([
    existing === "ignore" ? NONE_REPLACED : readReplaced(orm, collection, rows, FIRST_PASSAGES),
    slices.length > 1 ? transaction.reserveMemory() : undefined,
    sendSlices(slices, (slice, index) =>
      insertSlice(orm, collection, slice, { types, isFirst: index === 0, onConflict }),
    ),
  ]);
  assertMetadataSize(Math.max(...inserted.map(({ bytes }) => bytes)));
  if (inserted.some(({ replaced }) => replaced > 0))
    await Promise.all([
      mergeOtherPassages(transaction, collection, inputs),
      eraseReplaced(orm, collection, { before: before.hashes, rows }),
    ]);
  await chargeWritten(orm, collection, { written: inserted, replacedBytes: before.bytes, mode: "enforce" });
  return inserted.reduce((sum, { written }) => sum + written, 0);
}

/** A record is the first passage of its document, and keeps its text if none is given. */
export const FIRST_PASSAGES: ReplacedOptions = { isReplaced: sql`d.chunk = 0`, keepsTexts: true };

/** Throws `invalid_input` if the metadata of a record has become too large by merging. */
export function assertMetadataSize(bytes: number): void {
  if (bytes <= MAX_METADATA_BYTES) return;
  throw new AppError(
    "invalid_input",
    `The records cannot be written: the merged metadata of one of them has ${bytes.toLocaleString("en")} bytes of JSON, more than the limit of ${MAX_METADATA_BYTES.toLocaleString("en")}. Delete keys that are no longer needed.`,
    { path: "metadatas" },
  );
}

/** SQL: changes what the input sets of an existing row, after ON CONFLICT. */
function mergeRow(inputs: readonly RecordInput[]): SQL {
  return sql`
    DO UPDATE SET
      content = coalesce(excluded.content, d.content),
      text_offset = CASE WHEN excluded.content IS NULL THEN d.text_offset ELSE excluded.text_offset END,
      offset_at = CASE WHEN excluded.content IS NULL AND d.offset_at <> d.updated_at THEN NULL ELSE excluded.offset_at END,
      embedding = excluded.embedding, bits = excluded.bits, segment = excluded.segment,
      metadata = (d.metadata || excluded.metadata)${removedKeys(inputs, sql`excluded.id`)},
      uri = coalesce(excluded.uri, d.uri), origin = ${nextOrigin()}, updated_at = excluded.updated_at`;
}

/** SQL: the rest of an expression on metadata, which removes the keys of the row with this id. */
export function removedKeys(inputs: readonly RecordInput[], id: SQL): SQL {
  const removed = inputs.filter((input) => input.removedKeys.length > 0);
  if (removed.length === 0) return sql``;
  const byKey = Object.fromEntries(removed.map((input) => [storeId(input.id).key, input.removedKeys]));
  return sql` - ARRAY(SELECT jsonb_array_elements_text(${encodeJson(byKey)}::jsonb -> ${id}))`;
}

/**
 * Applies changes of records to the other passages of documents that were split: a new text replaces them, and each holds a
 * copy of the metadata. Usually there are none.
 */
export async function mergeOtherPassages(
  { orm }: Transaction,
  collection: Collection,
  inputs: readonly RecordInput[],
): Promise<void> {
  const keysWith = (select: (input: RecordInput) => boolean) =>
    sql`${sql.param(inputs.filter(select).map(({ id }) => storeId(id).key))}::text[]`;
  await orm.execute(sql`
    DELETE FROM cairn.documents
    WHERE ${inCollection(collection)} AND chunk > 0 AND id = ANY(${keysWith(({ content }) => content !== null)})`);
  await orm.execute(sql`
    UPDATE cairn.documents AS d SET metadata = first.metadata, uri = first.uri, updated_at = clock.now,
      offset_at = CASE WHEN d.offset_at = d.updated_at THEN clock.now END
    FROM cairn.documents AS first, ${CLOCK}
    WHERE ${inCollection(collection, sql`d.`)} AND ${inCollection(collection, sql`first.`)}
      AND d.chunk > 0 AND first.id = d.id AND first.chunk = 0 AND d.id = ANY(${keysWith(() => true)})`);
}
