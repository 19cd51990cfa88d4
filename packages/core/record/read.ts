import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { joinPassages } from "../document/join.ts";
import { readDocuments } from "../document/read.ts";
import { responseTooLarge } from "../document/response-size.ts";
import type { SearchFilter } from "../filter/input.ts";

export type RecordField = "content" | "metadata" | "uri" | "embedding";

export interface ReadRecordsOptions {
  /** Only fields that are listed are read. */
  readonly fields: readonly RecordField[];
  readonly filter?: SearchFilter;
  /** Default: all. */
  readonly limit?: number;
  readonly offset?: number;
  /** Maximum bytes of the fields of all records. */
  readonly maxBytes: number;
}

/** A record as the database returns it. Fields that were not requested are null. */
export interface RecordRow {
  /** The stored key. */
  readonly id: string;
  readonly long_id: string | null;
  /** Stored text of the first passage. */
  readonly content: string | null;
  /** JSON as text. */
  readonly metadata: string | null;
  readonly uri: string | null;
  /** pgvector's text format: `[1,0.5]`. Null also for a record without a vector. */
  readonly embedding: string | null;
  /** Whether the document has more passages than the first. */
  readonly is_split: boolean;
  /** Bytes of the requested fields. */
  readonly bytes: number;
  /** Whether the fields of all records fit into the limit. Otherwise none has its fields. */
  readonly fits: boolean;
}

/** Bytes of a vector's element as text. */
const ELEMENT_BYTES = 12;

const SIZES: Readonly<Record<RecordField, SQL>> = {
  content: sql`coalesce(octet_length(content), 0)`,
  metadata: sql`octet_length(metadata::text)`,
  uri: sql`coalesce(octet_length(uri), 0)`,
  embedding: sql`coalesce(vector_dims(embedding), 0) * ${sql.raw(String(ELEMENT_BYTES))}`,
};

const VALUES: Readonly<Record<RecordField, SQL>> = {
  content: sql`content`,
  metadata: sql`metadata::text`,
  uri: sql`uri`,
  embedding: sql`embedding::text`,
};

/** The order in which records were added. Rows of earlier versions have no sequence and come first. */
export const INSERTION_ORDER = sql`sequence NULLS FIRST, created_at, id`;

/** The statement that reads records in the order in which they were added. A document that was split is one record. */
export function recordsStatement(collection: Collection, options: ReadRecordsOptions): SQL {
  const { fields, filter, limit, offset = 0, maxBytes } = options;
  const size =
    fields.length === 0
      ? sql`0`
      : sql.join(
          fields.map((field) => SIZES[field]),
          sql` + `,
        );
  const fits = sql`sum(bytes) OVER () <= ${maxBytes}::float8`;
  const values = (Object.keys(VALUES) as RecordField[]).map((field) =>
    fields.includes(field)
      ? sql`CASE WHEN fits THEN ${VALUES[field]} END AS ${sql.raw(field)}`
      : sql`NULL::text AS ${sql.raw(field)}`,
  );
  const isSplit = sql`EXISTS (SELECT FROM cairn.documents AS other
    WHERE ${inCollection(collection, sql`other.`)} AND other.id = page.id AND other.chunk = 1)`;
  return sql`
    SELECT id, long_id, bytes, fits, ${fields.includes("content") ? isSplit : sql`false`} AS is_split, ${sql.join(values, sql`, `)}
    FROM (
      SELECT *, ${fields.length === 0 ? sql`true` : fits} AS fits FROM (
        SELECT id, long_id, sequence, created_at, content, metadata, uri, embedding, (${size})::float8 AS bytes
        FROM cairn.documents
        WHERE ${inCollection(collection)} AND chunk = 0 AND ${recordMatches(collection, filter)}
        ORDER BY ${INSERTION_ORDER} LIMIT ${limit ?? null}::bigint OFFSET ${offset}::bigint) AS sized) AS page
    ORDER BY ${INSERTION_ORDER}`;
}

/** SQL: whether the document of a first passage matches. A filter on the text applies to each passage. */
export function recordMatches(collection: Collection, filter: SearchFilter | undefined): SQL {
  if (!filter) return sql`true`;
  if (!filter.readsText) return filter.matches;
  return sql`id IN (SELECT id FROM cairn.documents WHERE ${inCollection(collection)} AND ${filter.matches})`;
}

/** Throws `response_too_large` if the records did not fit into the limit. */
export function assertFits(rows: readonly RecordRow[], maxBytes: number): void {
  if (rows[0]?.fits !== false) return;
  const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
  throw responseTooLarge(`${rows.length} records`, {
    bytes,
    maxBytes,
    remedy: "Read them in pages, with limit and offset.",
  });
}

/** The complete texts of documents that were split, by their stored keys. */
export async function readSplitTexts(
  database: Database,
  collection: Collection,
  { keys, maxBytes }: { readonly keys: readonly string[]; readonly maxBytes: number },
): Promise<ReadonlyMap<string, string>> {
  if (keys.length === 0) return new Map();
  return asTenant(database, collection.tenantId, async ({ orm }) => {
    const texts = new Map<string, string>();
    for (const key of keys) {
      const { documents, tooLarge } = await readDocuments(orm, collection, { keys: [key], maxBytes });
      if (tooLarge) throw responseTooLarge("A document", { ...tooLarge, maxBytes, remedy: "Read it through /v1." });
      const [document] = documents;
      if (document) texts.set(key, joinPassages(document.passages));
    }
    return texts;
  });
}
