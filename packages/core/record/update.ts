import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import { CLOCK } from "../database/clock.ts";
import type { Transaction, VectorTypes } from "../database/database.ts";
import { encodeJson } from "../database/json.ts";
import { encodeText } from "../database/text.ts";
import { encodeVectorArray } from "../database/vector.ts";
import { eraseReplaced, readReplaced } from "../document/erase.ts";
import { storeId } from "../document/id.ts";
import { bitsOf, type Inserted, openSegment, REPLACED } from "../document/insert.ts";
import { assertDimensions, chargeWritten, setInitialDimensions } from "../document/write.ts";
import { captureChanges } from "../replication/capture.ts";
import { ROW_BYTES, selectQuota } from "../usage/quota.ts";
import { foldRecords, type RecordInput } from "./record.ts";
import { assertMetadataSize, FIRST_PASSAGES, mergeOtherPassages, removedKeys } from "./write.ts";

/**
 * Changes existing records in the tenant's open transaction and returns their number. Missing ids are ignored. Inputs with the
 * same id are applied in order. Throws `dimension_mismatch`, `collection_changed`, `quota_exceeded`, and `invalid_input` if metadata becomes too
 * large.
 */
export async function updateRecords(
  transaction: Transaction,
  collection: Collection,
  records: readonly RecordInput[],
  { types }: { readonly types: VectorTypes },
): Promise<number> {
  const inputs = foldRecords(records);
  if (inputs.length === 0) return 0;
  const vectors = inputs.map((input) => ({ ...input, embedding: input.embedding ?? null }));
  assertDimensions(collection, vectors);
  await captureChanges(
    transaction,
    collection,
    inputs.map(({ id }) => id),
  );
  await setInitialDimensions(transaction, collection, vectors);
  const { orm } = transaction;
  const rows = inputs.map((input) => ({ ...input, chunk: 0, embedding: input.embedding ?? null }));
  const before = await readReplaced(orm, collection, rows, FIRST_PASSAGES);
  const [updated] = await orm.selectRows<Updated>(updateStatement(collection, inputs, types));
  assertMetadataSize(updated?.bytes ?? 0);
  if (!updated?.records) return 0;
  await Promise.all([
    mergeOtherPassages(transaction, collection, inputs),
    eraseReplaced(orm, collection, { before: before.hashes, rows }),
  ]);
  const { records: written, ...storage } = updated;
  const changed = [{ ...storage, written, replaced: written }];
  await chargeWritten(orm, collection, { written: changed, replacedBytes: before.bytes, mode: "enforce" });
  return written;
}

interface Updated extends Pick<Inserted, "quota" | "size"> {
  readonly records: number;
  /** Bytes of the largest metadata, as JSON. */
  readonly bytes: number;
}

/** The rows are locked first in the order of their keys, as in `writeRows`. */
function updateStatement(collection: Collection, inputs: readonly RecordInput[], types: VectorTypes): SQL {
  const keys = sql`${sql.param(inputs.map(({ id }) => storeId(id).key))}::text[]`;
  const texts = (values: readonly (string | null)[]) =>
    sql`${sql.param(values.map((value) => (value === null ? null : encodeText(value))))}::text[]`;
  const vectors = encodeVectorArray(
    inputs.map(({ embedding }) => embedding ?? null),
    types.vector,
  );
  const bits = bitsOf(
    collection,
    inputs.map(({ embedding = null }) => ({ embedding })),
  );
  return sql`
    WITH quota AS MATERIALIZED (${selectQuota(collection.tenantId)}),
    locked AS MATERIALIZED (
      SELECT id FROM cairn.documents WHERE ${inCollection(collection)} AND id = ANY(${keys}) ORDER BY id, chunk FOR UPDATE),
    updated AS (
      UPDATE cairn.documents AS d SET
        content = coalesce(r.content, d.content),
        text_offset = CASE WHEN r.content IS NULL THEN d.text_offset ELSE 0 END,
        offset_at = CASE WHEN r.content IS NULL AND d.offset_at <> d.updated_at THEN NULL ELSE clock.now END,
        embedding = CASE WHEN r.replaces_embedding THEN r.embedding ELSE d.embedding END,
        bits = CASE WHEN r.replaces_embedding THEN ${bits} ELSE d.bits END,
        metadata = (d.metadata || r.metadata::jsonb)${removedKeys(inputs, sql`d.id`)},
        uri = coalesce(r.uri, d.uri), origin = ${REPLACED}, updated_at = clock.now,
        segment = ${openSegment(collection)}
      FROM unnest(
        ${keys}, ${texts(inputs.map(({ content }) => content))}, ${texts(inputs.map(({ uri }) => uri))},
        ${sql.param(vectors)}::vector[], ${sql.param(inputs.map(({ embedding }) => embedding !== undefined))}::bool[],
        ${sql.param(inputs.map(({ metadata }) => encodeJson(metadata)))}::text[]
      ) AS r (id, content, uri, embedding, replaces_embedding, metadata), ${CLOCK}
      WHERE ${inCollection(collection, sql`d.`)} AND d.id = r.id AND d.id = ANY(${keys}) AND d.chunk = 0
        AND (SELECT count(*) FROM locked) > 0
      RETURNING octet_length(d.metadata::text) AS bytes, CASE WHEN EXISTS (SELECT FROM quota) THEN ${ROW_BYTES} END AS size)
    SELECT count(*)::int AS records, coalesce(max(bytes), 0)::int AS bytes, (SELECT quota FROM quota) AS quota,
           coalesce(sum(size), 0)::float8 AS size
    FROM updated`;
}
