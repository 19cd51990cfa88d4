import { type Collection, inCollection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { decodeJson, parseExactJson } from "@cairn/core/database/json.ts";
import { decodeText } from "@cairn/core/database/text.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { decodeVector } from "@cairn/core/database/vector.ts";
import type { Row } from "@cairn/core/document/document.ts";
import { keysOf, restoreId } from "@cairn/core/document/id.ts";
import { isImported } from "@cairn/core/document/insert.ts";
import { type PassageColumns, TEXT_OFFSET } from "@cairn/core/document/read.ts";
import { REPLACED_ORIGIN } from "@cairn/core/document/tombstone.ts";
import { sql } from "drizzle-orm";

/** A passage as it is stored in Postgres. */
export interface StoredRow extends Pick<Row, "content" | "offset" | "embedding" | "metadata" | "uri"> {
  /** The run that wrote the row; null or `REPLACED_ORIGIN`: it was written through the service. */
  readonly origin: string | null;
}

/** Whether a record was written through the service since the migration. */
export function isWrittenByService(rows: readonly StoredRow[]): boolean {
  return rows.some(({ origin }) => origin === null || origin === REPLACED_ORIGIN);
}

interface DocumentRow extends PassageColumns {
  readonly embedding: Uint8Array | null;
  readonly origin: string | null;
}

/** Placeholder for a vector that was not read. */
const PLACEHOLDER_VECTOR = "'\\x00000000'::bytea";

/**
 * The passages of the given ids that exist, by id, in the order of the text. Without `vectors`, each vector is replaced by
 * an empty placeholder, because the vectors of complete documents may exceed the memory limit.
 */
export async function readStored(
  database: Database,
  collection: Collection,
  ids: readonly string[],
  { vectors = true }: { readonly vectors?: boolean } = {},
): Promise<ReadonlyMap<string, readonly StoredRow[]>> {
  const rows = await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.selectRows<DocumentRow>(sql`
          SELECT id, long_id, content, ${TEXT_OFFSET} AS text_offset, ${vectors ? sql`vector_send(embedding)` : sql.raw(`CASE WHEN embedding IS NOT NULL THEN ${PLACEHOLDER_VECTOR} END`)} AS embedding, metadata::text AS metadata, uri, origin
          FROM cairn.documents
          WHERE ${inCollection(collection)} AND id = ANY(${sql.param(keysOf(ids))}::text[])
          ORDER BY id, chunk`),
  );
  const byId = Map.groupBy(rows, ({ id, long_id }) => restoreId(id, long_id));
  return new Map(byId.entries().map(([id, passages]) => [id, passages.map(toStoredRow)]));
}

export interface StoredIds {
  readonly ids: readonly string[];
  /** For each id: whether it was written through the service, not by a migration. */
  readonly writtenByService: readonly boolean[];
  readonly last: string | null;
}

/** A page of the collection's ids in key order, after the key `after` (null: from the start). Empty at the end. */
export async function listStoredIds(
  database: Database,
  collection: Collection,
  after: string | null,
  limit: number,
): Promise<StoredIds> {
  const rows = await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.selectRows<{ id: string; long_id: string | null; writtenByService: boolean }>(sql`
          SELECT id, max(long_id) AS long_id, bool_or(NOT ${isImported(sql`origin`)}) AS "writtenByService" FROM cairn.documents
          WHERE ${inCollection(collection)} ${after === null ? sql`` : sql`AND id > ${after}::text`} GROUP BY id ORDER BY id LIMIT ${limit}::int`),
  );
  return {
    ids: rows.map((row) => restoreId(row.id, row.long_id)),
    writtenByService: rows.map(({ writtenByService }) => writtenByService),
    last: rows.at(-1)?.id ?? after,
  };
}

function toStoredRow(row: DocumentRow): StoredRow {
  return {
    content: row.content === null ? null : decodeText(row.content),
    offset: row.text_offset,
    embedding: row.embedding === null ? null : decodeVector(row.embedding),
    metadata: decodeJson(row.metadata, parseExactJson),
    uri: row.uri === null ? null : decodeText(row.uri),
    origin: row.origin,
  };
}
