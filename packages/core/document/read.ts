import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Orm } from "../database/database.ts";
import { decodeJson } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import { decodeText } from "../database/text.ts";
import { uuidLiteral } from "../database/transaction.ts";
import type { Document, Passage } from "./document.ts";
import { restoreId } from "./id.ts";

interface PassageRow {
  readonly id: string;
  readonly long_id: string | null;
  readonly chunk: number;
  readonly content: string | null;
  readonly embedded: boolean;
  readonly metadata: string;
  readonly uri: string | null;
  /** Milliseconds since 1970. */
  readonly created_at: number;
  readonly updated_at: number;
}

/**
 * The predicate that every statement on documents begins with: tenant and collection as literals, for pruning.
 * `prefix`: of the columns, as in sql`d.`.
 */
export function inCollection(collection: Collection, prefix: SQL = sql``): SQL {
  return sql`${prefix}tenant_id = ${uuidLiteral(collection.tenantId)} AND ${prefix}collection_id = ${uuidLiteral(collection.id)}`;
}

/** The documents with these stored keys, in the order of their keys, whole. */
export async function readDocuments(
  orm: Orm,
  collection: Collection,
  keys: readonly string[],
): Promise<readonly Document[]> {
  if (keys.length === 0) return [];
  const rows = await selectRows<PassageRow>(
    orm,
    sql`SELECT id, long_id, chunk, content, embedding IS NOT NULL AS embedded, metadata::text AS metadata, uri,
               extract(epoch FROM created_at)::float8 * 1000 AS created_at,
               extract(epoch FROM updated_at)::float8 * 1000 AS updated_at
        FROM cairn.documents
        WHERE ${inCollection(collection)} AND id = ANY(${sql.param(keys)}::text[])
        ORDER BY id, chunk`,
  );
  const documents = new Map<string, Document & { readonly passages: Passage[] }>();
  for (const row of rows) {
    const document = documents.get(row.id) ?? toDocument(row);
    document.passages.push(toPassage(row));
    documents.set(row.id, document);
  }
  return [...documents.values()];
}

function toDocument(row: PassageRow): Document & { readonly passages: Passage[] } {
  return {
    id: restoreId(row.id, row.long_id),
    metadata: decodeJson(row.metadata),
    uri: row.uri === null ? null : decodeText(row.uri),
    passages: [],
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
  };
}

function toPassage(row: PassageRow): Passage {
  return {
    chunk: row.chunk,
    content: row.content === null ? null : decodeText(row.content),
    embedded: row.embedded,
  };
}
