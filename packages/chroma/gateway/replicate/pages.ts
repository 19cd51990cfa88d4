import { type Collection, inCollection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { keysOf, restoreId } from "@cairn/core/document/id.ts";
import { sql } from "drizzle-orm";

/** Records of a page. Chroma Cloud returns no more at once. */
const MAX_PAGE_RECORDS = 300;

/** Approximate bytes of a page as JSON. Chroma's response may be larger and is then divided. */
const MAX_PAGE_BYTES = 6_000_000;

/** JSON of a vector's element. */
const ELEMENT_BYTES = 11;

/** A page of documents that Chroma can hold, or that do not exist. */
export interface IdPage {
  readonly ids: readonly string[];
  /** Documents that were found to have several passages. They are not among `ids`. */
  readonly split: readonly string[];
}

interface SizeRow {
  readonly id: string;
  readonly long_id: string | null;
  readonly passages: number;
  readonly bytes: number;
}

/** Divides ids into pages whose documents fit into memory, with the documents of several passages apart. */
export async function toIdPages(
  database: Database,
  collection: Collection,
  ids: readonly string[],
): Promise<readonly IdPage[]> {
  const sizes = await readSizes(database, collection, ids);
  const pages: IdPage[] = [];
  let page: { ids: string[]; split: string[]; bytes: number } = { ids: [], split: [], bytes: 0 };
  for (const id of new Set(ids)) {
    const { passages = 0, bytes = 0 } = sizes.get(id) ?? {};
    if (page.ids.length > 0 && (page.ids.length >= MAX_PAGE_RECORDS || page.bytes + bytes > MAX_PAGE_BYTES)) {
      pages.push(page);
      page = { ids: [], split: [], bytes: 0 };
    }
    if (passages > 1) page.split.push(id);
    else {
      page.ids.push(id);
      page.bytes += bytes;
    }
  }
  return [...pages, page];
}

/** The passages of the documents that exist, and their bytes. */
async function readSizes(
  database: Database,
  collection: Collection,
  ids: readonly string[],
): Promise<ReadonlyMap<string, SizeRow>> {
  const rows = await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.selectRows<SizeRow>(sql`
      SELECT id, max(long_id) AS long_id, count(*)::int AS passages,
             sum(coalesce(octet_length(content), 0) + coalesce(octet_length(uri), 0) + octet_length(metadata::text)
               + CASE WHEN embedding IS NULL THEN 0 ELSE ${ELEMENT_BYTES * (collection.dimensions ?? 0)}::int END)::float8 AS bytes
      FROM cairn.documents WHERE ${inCollection(collection)} AND id = ANY(${sql.param(keysOf(ids))}::text[]) GROUP BY id`),
  );
  return new Map(rows.map((row) => [restoreId(row.id, row.long_id), row]));
}
