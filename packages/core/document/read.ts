import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import type { Orm } from "../database/database.ts";
import { decodeJson } from "../database/json.ts";
import { decodeText } from "../database/text.ts";
import { createVectorParser, type VectorParser } from "../database/vector-text.ts";
import type { Document, Passage } from "./document.ts";
import { headingsField } from "./headings.ts";
import { restoreId } from "./id.ts";
import { vectorBytes } from "./response-size.ts";

/** The columns of a passage. `metadata`: JSON as text. */
export interface PassageColumns {
  readonly id: string;
  readonly long_id: string | null;
  readonly content: string | null;
  readonly text_offset: number | null;
  readonly headings: string | null;
  readonly metadata: string;
  readonly uri: string | null;
}

interface PassageRow extends PassageColumns {
  /** Bytes of the requested parts of this and all previous documents. */
  readonly bytes: number;
  /** Whether this and all previous documents fit. If not, only the document's first passage is returned, without text. */
  readonly fits: boolean;
  /** Whether the passage is requested. The first passage is always read, for the fields of the document. */
  readonly is_requested: boolean;
  readonly chunk: number;
  readonly embedded: boolean;
  /** The vector as text. Undefined: not requested. */
  readonly embedding?: string | null;
  /** Milliseconds since 1970. */
  readonly created_at: number;
  readonly updated_at: number;
}

/**
 * A row's offset; null: unknown. A version that does not know offsets leaves the offset of the previous text in place,
 * together with the time at which that offset was written.
 */
export const TEXT_OFFSET = sql`CASE WHEN offset_at = updated_at THEN text_offset END`;

/** A row's headings; null: it has none. They are valid under the same condition as an offset. */
export const HEADINGS = sql`CASE WHEN headings_at = updated_at THEN headings END`;

/** A range of passages: at most `count` passages from index `first`. */
export interface PassageRange {
  readonly first: number;
  readonly count: number;
}

export interface ReadLimits {
  /** Maximum bytes of texts, metadata, URIs and vectors, see `MAX_RESPONSE_BYTES`. */
  readonly maxBytes: number;
  /** Default: all passages. */
  readonly passages?: PassageRange;
  /** Whether passages have their vectors. Default false: vectors are not read. */
  readonly embeddings?: boolean;
}

export interface ReadDocuments {
  /** The first documents, as many as fit together. */
  readonly documents: readonly Document[];
  /** The first document that does not fit, and the bytes up to it; undefined: all fit. */
  readonly tooLarge: { readonly id: string; readonly bytes: number } | undefined;
}

/** Bytes of JSON that a passage takes in addition to its text. */
const PASSAGE_OVERHEAD = 64;

/**
 * The documents with these stored keys, in the order of their keys, up to the first document that would exceed the limit.
 * One statement adds up the sizes and reads only the texts that fit. No other text is decompressed or sent.
 */
export async function readDocuments(
  orm: Orm,
  collection: Collection,
  { keys, ...limits }: ReadLimits & { readonly keys: readonly string[] },
): Promise<ReadDocuments> {
  if (keys.length === 0) return { documents: [], tooLarge: undefined };
  const rows = await orm.selectRows<PassageRow>(readStatement(collection, keys, limits));
  const documents = new Map<string, Document & { readonly passages: Passage[] }>();
  const parse = createVectorParser();
  for (const row of rows) {
    if (!row.fits)
      return {
        documents: [...documents.values()],
        tooLarge: { id: restoreId(row.id, row.long_id), bytes: row.bytes },
      };
    const document = documents.get(row.id) ?? toDocument(row);
    if (row.is_requested) document.passages.push(await toPassage(row, parse));
    documents.set(row.id, document);
  }
  return { documents: [...documents.values()], tooLarge: undefined };
}

/** The statement of `readDocuments`. octet_length reads only the header of a text, whatever its length. */
function readStatement(
  collection: Collection,
  keys: readonly string[],
  { maxBytes, passages, embeddings }: ReadLimits,
): SQL {
  const isRequested = passages
    ? sql`chunk >= ${passages.first}::int AND chunk < ${passages.first + passages.count}::bigint`
    : sql`true`;
  const vectorSize = embeddings
    ? sql`CASE WHEN embedding IS NULL THEN 0 ELSE ${sql.raw(String(vectorBytes(collection)))} END`
    : sql`0`;
  return sql`
    WITH sizes AS MATERIALIZED (
      SELECT id, sum(CASE WHEN ${isRequested} THEN coalesce(octet_length(content), 0) + coalesce(octet_length(headings), 0) + ${vectorSize} + ${sql.raw(String(PASSAGE_OVERHEAD))} ELSE 0 END
                   + CASE WHEN chunk = 0 THEN octet_length(metadata::text) + coalesce(octet_length(uri), 0) ELSE 0 END) AS bytes
      FROM cairn.documents WHERE ${inCollection(collection)} AND id = ANY(${sql.param(keys)}::text[]) GROUP BY id
    ), fitting AS MATERIALIZED (
      SELECT id, bytes::float8 AS bytes, bytes <= ${maxBytes}::float8 AS fits FROM (
        SELECT id, sum(bytes) OVER (ORDER BY id) AS bytes FROM sizes) AS totals
    )
    SELECT id, long_id, chunk, fits, bytes, ${isRequested} AS is_requested, CASE WHEN fits AND ${isRequested} THEN content END AS content, ${TEXT_OFFSET} AS text_offset,
           CASE WHEN fits AND ${isRequested} THEN ${HEADINGS} END AS headings,
           embedding IS NOT NULL AS embedded, ${embeddings ? sql`CASE WHEN fits AND ${isRequested} THEN embedding::text END AS embedding,` : sql``} CASE WHEN fits AND chunk = 0 THEN metadata::text END AS metadata,
           CASE WHEN fits AND chunk = 0 THEN uri END AS uri,
           extract(epoch FROM created_at)::float8 * 1000 AS created_at,
           extract(epoch FROM updated_at)::float8 * 1000 AS updated_at
    FROM fitting JOIN (SELECT * FROM cairn.documents WHERE ${inCollection(collection)} AND id = ANY(${sql.param(keys)}::text[])) AS d USING (id)
    WHERE chunk = 0 OR (fits AND ${isRequested})
    ORDER BY id, chunk`;
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

async function toPassage(row: PassageRow, parse: VectorParser): Promise<Passage> {
  return {
    chunk: row.chunk,
    content: row.content === null ? null : decodeText(row.content),
    offset: row.text_offset,
    ...headingsField(row.headings),
    embedded: row.embedded,
    ...(row.embedding === undefined ? {} : { embedding: await parse(row.embedding) }),
  };
}
