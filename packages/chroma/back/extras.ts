import { inCollection } from "@cairn/core/collection/collection.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { keysOf, restoreId } from "@cairn/core/document/id.ts";
import { sql } from "drizzle-orm";
import type { CollectionPair, ToChromaContext } from "../gateway/replicate/context.ts";

/** Ids in one listing. */
const PAGE_SIZE = 5_000;

export interface Extras {
  /** Records that Chroma lists. */
  readonly records: number;
  /** Records that only Chroma has, and that were not deleted. */
  readonly remaining: number;
  readonly deleted: number;
  /** The first of the remaining ids. */
  readonly ids: readonly string[];
}

export interface ExtrasOptions {
  /** Whether the records are deleted. */
  readonly prune: boolean;
  /** Ids that are returned. */
  readonly maxIds: number;
  readonly signal: AbortSignal | undefined;
}

/** Looks up every id of Chroma's collection in Cairn, and deletes those that only Chroma has if `prune` is set. */
export async function checkExtras(
  context: ToChromaContext,
  pair: CollectionPair,
  { prune, maxIds, signal }: ExtrasOptions,
): Promise<Extras> {
  const counts = { records: 0, remaining: 0, deleted: 0 };
  const ids: string[] = [];
  for (let offset = 0; ; ) {
    signal?.throwIfAborted();
    const listed = await context.source.listIds(pair.chroma, { offset, limit: PAGE_SIZE });
    const existing = await findExisting(context, pair, listed);
    const extras = listed.filter((id) => !existing.has(id));
    if (prune) await context.target.deleteIds(pair.chroma, extras);
    else ids.push(...extras.slice(0, maxIds - ids.length));
    counts.records += listed.length;
    counts[prune ? "deleted" : "remaining"] += extras.length;
    if (listed.length < PAGE_SIZE) return { ...counts, ids };
    offset += prune ? existing.size : listed.length; // the following records have moved up
  }
}

/** The ids among these that Cairn has. */
async function findExisting(
  { database }: ToChromaContext,
  { cairn }: CollectionPair,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await asTenant(database, cairn.tenantId, ({ orm }) =>
    orm.selectRows<{ id: string; long_id: string | null }>(sql`
      SELECT id, long_id FROM cairn.documents
      WHERE ${inCollection(cairn)} AND chunk = 0 AND id = ANY(${sql.param(keysOf(ids))}::text[])`),
  );
  return new Set(rows.map(({ id, long_id }) => restoreId(id, long_id)));
}
