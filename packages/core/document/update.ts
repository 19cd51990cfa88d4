import { type SQL, sql } from "drizzle-orm";
import { withBackPressure } from "../collection/back-pressure.ts";
import { type Collection, inCollection } from "../collection/collection.ts";
import { getCollection, lockCollection } from "../collection/get.ts";
import { CLOCK } from "../database/clock.ts";
import type { Database, Orm, Transaction } from "../database/database.ts";
import { decodeJson, encodeJson, type JsonObject, parseExactJson } from "../database/json.ts";
import { encodeText } from "../database/text.ts";
import { asTenant } from "../database/transaction.ts";
import { captureChanges } from "../replication/capture.ts";
import { nextTurn } from "../turn.ts";
import { type DocumentUpdate, type FoldedUpdate, foldUpdates, mergeMetadata, type PathOf } from "./document-update.ts";
import { eraseFromCopies } from "./erase.ts";
import { keysOf, storeId } from "./id.ts";
import { inLockOrder, openSegment, REPLACED } from "./insert.ts";

export interface UpdateOptions {
  readonly collection?: string;
  /** Updates of the same document are applied in order. */
  readonly documents: readonly DocumentUpdate[];
  /** The path of a field in the caller's input, for errors. Default: `documents[3].metadata`. */
  readonly pathOf?: PathOf;
}

export interface UpdateResult {
  /** Number of updated documents. */
  readonly updated: number;
  /** Ids of documents that do not exist, in the order of the input. */
  readonly missing: readonly string[];
}

/** Maximum documents per statement. Their metadata has at most 6.5 MB. */
const MAX_SLICE_DOCUMENTS = 100;

/**
 * Changes the metadata and URIs of existing documents, of all their passages, in one transaction. Texts, vectors and the
 * insertion order stay. The documents are deleted from the copies of the collection, as if they were replaced.
 * Throws `not_found` for the collection, `collection_changed`, and `invalid_input` for metadata that cannot be stored or an
 * update without a change; then nothing is updated.
 */
export async function updateDocuments(
  database: Database,
  tenantId: string,
  { collection: name, documents, pathOf = (index, field) => `documents[${index}].${field}` }: UpdateOptions,
): Promise<UpdateResult> {
  const updates = foldUpdates(documents, pathOf);
  const { id } = await getCollection(database, tenantId, name);
  const work = async ({ orm }: Transaction) => {
    const collection = await lockCollection(orm, tenantId, name);
    await captureChanges(
      { orm },
      collection,
      updates.map((update) => update.id),
    );
    const keys: string[] = [];
    for (const slice of slicesOf(updates)) keys.push(...(await updateSlice(orm, collection, slice)));
    // This runs last: the updates above have waited for any process that fills a copy from these rows.
    await eraseFromCopies(orm, collection, keys);
    return new Set(keys);
  };
  const found = await withBackPressure(database, id, () => asTenant(database, tenantId, work));
  const missing = updates.filter((update) => !found.has(storeId(update.id).key));
  return { updated: found.size, missing: missing.map((update) => update.id) };
}

/** Slices in the order of the keys, in which every statement locks rows. */
function* slicesOf(updates: readonly FoldedUpdate[]): Generator<readonly FoldedUpdate[]> {
  const ordered = inLockOrder(updates.map((update) => ({ ...update, chunk: 0 })));
  for (let start = 0; start < ordered.length; start += MAX_SLICE_DOCUMENTS)
    yield ordered.slice(start, start + MAX_SLICE_DOCUMENTS);
}

/** Updates the documents of a slice that exist, and returns their keys. */
async function updateSlice(
  orm: Orm,
  collection: Collection,
  updates: readonly FoldedUpdate[],
): Promise<readonly string[]> {
  const stored = await orm.selectRows<StoredMetadata>(lockStatement(collection, keysOf(updates.map(({ id }) => id))));
  if (stored.length === 0) return [];
  const changes = await mergeStored(stored, new Map(updates.map((update) => [storeId(update.id).key, update])));
  await orm.execute(updateStatement(collection, changes));
  return stored.map(({ id }) => id);
}

interface StoredMetadata {
  /** The stored key. */
  readonly id: string;
  /** JSON as text. */
  readonly metadata: string;
}

/** Locks all passages of the documents in the order of their keys, and returns the metadata of each document. */
function lockStatement(collection: Collection, keys: readonly string[]): SQL {
  return sql`
    WITH locked AS MATERIALIZED (
      SELECT id, chunk, CASE WHEN chunk = 0 THEN metadata::text END AS metadata FROM cairn.documents
      WHERE ${inCollection(collection)} AND id = ANY(${sql.param(keys)}::text[])
      ORDER BY id, chunk FOR UPDATE)
    SELECT id, metadata FROM locked WHERE chunk = 0`;
}

interface RowChange {
  /** The stored key. */
  readonly key: string;
  /** JSON as text. Null: unchanged. */
  readonly metadata: string | null;
  /** Undefined: unchanged. Null: removed. */
  readonly uri: string | null | undefined;
}

/** Characters of stored metadata that are merged in one time slice. */
const TURN_CHARACTERS = 65_536;

async function mergeStored(
  stored: readonly StoredMetadata[],
  updates: ReadonlyMap<string, FoldedUpdate>,
): Promise<readonly RowChange[]> {
  const changes: RowChange[] = [];
  let characters = 0;
  for (const { id: key, metadata } of stored) {
    const update = updates.get(key);
    if (!update) continue;
    changes.push({ key, metadata: mergeText(metadata, update), uri: update.uri });
    characters += metadata.length;
    if (characters < TURN_CHARACTERS) continue;
    characters = 0;
    await nextTurn();
  }
  return changes;
}

/** Numbers that are not changed keep their form: 1.0 stays distinct from 1. */
function mergeText(stored: string, update: FoldedUpdate): string | null {
  if (!update.metadata) return null;
  const current: JsonObject = decodeJson(stored, parseExactJson);
  return encodeJson(mergeMetadata(current, update));
}

/** The metadata of a document is parsed once, not for each of its passages. */
function updateStatement(collection: Collection, changes: readonly RowChange[]): SQL {
  const uris = changes.map(({ uri }) => (uri == null ? null : encodeText(uri)));
  return sql`
    UPDATE cairn.documents AS d SET
      metadata = coalesce(r.metadata, d.metadata), uri = CASE WHEN r.sets_uri THEN r.uri ELSE d.uri END,
      segment = ${openSegment(collection)}, origin = ${REPLACED},
      offset_at = CASE WHEN d.offset_at = d.updated_at THEN clock.now END,
      headings_at = CASE WHEN d.headings_at = d.updated_at THEN clock.now END, updated_at = clock.now
    FROM (
      SELECT id, metadata::jsonb AS metadata, sets_uri, uri FROM unnest(
        ${sql.param(changes.map(({ key }) => key))}::text[],
        ${sql.param(changes.map(({ metadata }) => metadata))}::text[],
        ${sql.param(changes.map(({ uri }) => uri !== undefined))}::boolean[],
        ${sql.param(uris)}::text[]
      ) AS changes (id, metadata, sets_uri, uri) OFFSET 0
    ) AS r, ${CLOCK}
    WHERE ${inCollection(collection, sql`d.`)} AND d.id = r.id`;
}
