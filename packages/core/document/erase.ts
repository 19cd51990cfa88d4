import { type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { listCopies } from "../collection/copies.ts";
import type { Orm } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { contentHash } from "../embedding/cache.ts";
import { deleteCachedEmbeddings, storedContentHash } from "../embedding/delete-cached.ts";
import { deleteRows } from "./delete-rows.ts";
import type { Row } from "./document.ts";
import { storeId } from "./id.ts";
import { inCollection } from "./read.ts";
import { insertTombstones } from "./tombstone.ts";

type Address = Pick<Collection, "tenantId" | "id">;

export interface Erased {
  /** Documents whose first passage is gone. */
  readonly documents: number;
  /** Stored keys of all documents that lost a passage. */
  readonly keys: readonly string[];
}

const RETURNED = sql`d.id, d.chunk, d.origin, ${storedContentHash(sql`d.content`)} AS hash`;

/** Keys of one statement. */
const PAGE = 5_000;

export interface EraseOptions {
  /** Whether documents that an import wrote leave a tombstone. Default false. */
  readonly tombstones?: boolean;
}

/** Deletes the collection's rows that `matches`, with the cached vectors of their texts. */
export async function eraseRows(
  orm: Orm,
  collection: Address,
  matches: SQL,
  { tombstones = false }: EraseOptions = {},
): Promise<Erased> {
  const [erased] = await selectRows<Erased>(
    orm,
    sql`WITH gone AS (${deleteRows(collection, matches, RETURNED)}),
        ${tombstones ? sql`tombstones AS (${insertTombstones(collection, sql`SELECT id FROM gone WHERE origin IS NOT NULL`)}),` : sql``}
        forgotten AS (${deleteCachedEmbeddings(collection.tenantId, sql`SELECT hash FROM gone`)})
        SELECT count(*) FILTER (WHERE chunk = 0)::float8 AS documents,
               coalesce(array_agg(DISTINCT id), '{}') AS keys FROM gone`,
  );
  return erased ?? { documents: 0, keys: [] };
}

/**
 * Deletes documents from the copies of their collection, kept ones and those being filled, after they were deleted or
 * replaced in it within the same transaction: whoever fills a copy from these rows has been waited for.
 */
export async function eraseFromCopies(orm: Orm, collection: Address, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  for (const copy of await listCopies(orm, collection))
    for (let start = 0; start < keys.length; start += PAGE)
      await eraseRows(orm, copy, sql`id = ANY(${sql.param(keys.slice(start, start + PAGE))}::text[])`);
}

/**
 * The hashes of the texts stored under the rows' ids, in hex. Nothing is locked: some of the rows may be new, and the write
 * that follows must lock old and new ones in the order of their keys.
 */
export async function readTexts(
  orm: Orm,
  collection: Address,
  rows: readonly Row[],
): Promise<readonly string[]> {
  const stored = await selectRows<{ hash: string | null }>(
    orm,
    sql`SELECT encode(${storedContentHash(sql`content`)}, 'hex') AS hash FROM cairn.documents
        WHERE ${inCollection(collection)} AND id = ANY(${sql.param(keysOf(rows))}::text[])`,
  );
  return stored.flatMap(({ hash }) => hash ?? []);
}

/** Removes what the rows have replaced from the cache of embeddings and from the copies of the collection. */
export async function eraseTexts(
  orm: Orm,
  collection: Address,
  { before, rows }: { readonly before: readonly string[]; readonly rows: readonly Row[] },
): Promise<void> {
  const now = new Set(rows.map(({ content }) => content && contentHash(content).toString("hex")));
  const gone = [...new Set(before)].filter((hash) => !now.has(hash));
  const hashes = sql`SELECT decode(h, 'hex') FROM unnest(${sql.param(gone)}::text[]) AS h`;
  await Promise.all([
    gone.length > 0 ? orm.execute(deleteCachedEmbeddings(collection.tenantId, hashes)) : undefined,
    eraseFromCopies(orm, collection, keysOf(rows)),
  ]);
}

function keysOf(rows: readonly Row[]): readonly string[] {
  return [...new Set(rows.map(({ id }) => storeId(id).key))];
}
