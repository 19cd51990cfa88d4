import { createHash } from "node:crypto";
import { type SQL, sql } from "drizzle-orm";
import { type CollectionKey, inCollection } from "../collection/collection.ts";
import type { Orm } from "../database/database.ts";
import { decodeJson, parseExactJson, stringifyJson } from "../database/json.ts";
import { decodeText } from "../database/text.ts";
import { createVectorParser } from "../database/vector-text.ts";
import { headingsField } from "../document/headings.ts";
import { restoreId } from "../document/id.ts";
import { HEADINGS, type PassageColumns, TEXT_OFFSET } from "../document/read.ts";
import type { CollectionSummary } from "./format.ts";

/** Documents whose keys are read at once. */
const PAGE_DOCUMENTS = 200;

/** Bytes of texts and vectors that are read at once. A larger document is read alone. */
const PAGE_BYTES = 8_000_000;

interface Key {
  readonly id: string;
  readonly sequence: string | null;
  readonly bytes: number;
}

interface PassageRow extends PassageColumns {
  readonly chunk: number;
  readonly embedding: string | null;
}

export interface PassageReader {
  /** Called with the lines of whole documents, and their number. */
  readonly onLines: (lines: readonly string[], documents: number) => Promise<void>;
}

/** The lines of a collection's passages. Memory: a page. Returns their count and hash. */
export async function readPassages(
  orm: Orm,
  collection: CollectionKey & { readonly name: string },
  { onLines }: PassageReader,
): Promise<CollectionSummary> {
  const hash = createHash("sha256");
  let documents = 0;
  let passages = 0;
  for (let keys = await readKeys(orm, collection); keys.length > 0; keys = await readKeys(orm, collection, keys.at(-1)))
    for (const group of groupsOf(keys)) {
      const lines = await readLines(orm, collection, group);
      for (const line of lines) hash.update(line);
      await onLines(lines, group.length);
      documents += group.length;
      passages += lines.length;
    }
  return { name: collection.name, documents, passages, sha256: hash.digest("hex") };
}

/** The next documents in the order of insertion. Rows of versions without that order come first, by id. */
function readKeys(orm: Orm, collection: CollectionKey, after?: Key): Promise<readonly Key[]> {
  return orm.selectRows<Key>(sql`
    SELECT d.id, d.sequence::text AS sequence, (
      SELECT sum(coalesce(octet_length(content), 0) + coalesce(vector_dims(embedding) * 6, 0))::float8
      FROM cairn.documents AS p WHERE ${inCollection(collection, sql`p.`)} AND p.id = d.id) AS bytes
    FROM cairn.documents AS d
    WHERE ${inCollection(collection, sql`d.`)} AND d.chunk = 0 ${after ? sql`AND ${follows(after)}` : sql``}
    ORDER BY d.sequence NULLS FIRST, d.id LIMIT ${sql.raw(String(PAGE_DOCUMENTS))}`);
}

function follows({ id, sequence }: Key): SQL {
  return sequence === null
    ? sql`(d.sequence IS NOT NULL OR d.id > ${id}::text)`
    : sql`(d.sequence, d.id) > (${sequence}::bigint, ${id}::text)`;
}

/** The keys in groups whose passages fit together. */
function groupsOf(keys: readonly Key[]): readonly (readonly Key[])[] {
  const groups: Key[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const key of keys) {
    bytes += key.bytes;
    if (bytes > PAGE_BYTES) {
      groups.push([]);
      bytes = key.bytes;
    }
    groups.at(-1)?.push(key);
  }
  return groups;
}

async function readLines(orm: Orm, collection: CollectionKey, keys: readonly Key[]): Promise<readonly string[]> {
  const ids = keys.map(({ id }) => id);
  const rows = await orm.selectRows<PassageRow>(sql`
    SELECT id, long_id, chunk, content, ${TEXT_OFFSET} AS text_offset, ${HEADINGS} AS headings, embedding::text AS embedding, uri, metadata::text AS metadata
    FROM cairn.documents
    WHERE ${inCollection(collection)} AND id = ANY(${sql.param(ids)}::text[])
    ORDER BY array_position(${sql.param(ids)}::text[], id), chunk`);
  const parse = createVectorParser();
  const lines: string[] = [];
  for (const row of rows) {
    const vector = await parse(row.embedding);
    const passage = {
      id: restoreId(row.id, row.long_id),
      chunk: row.chunk,
      content: row.content === null ? null : decodeText(row.content),
      offset: row.text_offset,
      ...headingsField(row.headings),
      embedding: vector && Buffer.from(Float32Array.from(vector).buffer).toString("base64"),
      uri: row.uri === null ? null : decodeText(row.uri),
      metadata: decodeJson(row.metadata, parseExactJson),
    };
    lines.push(`${stringifyJson({ passage })}\n`);
  }
  return lines;
}
