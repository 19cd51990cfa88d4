import { inCollection, isCollection } from "@cairn/core/collection/collection.ts";
import { asTenant, becomeAdmin } from "@cairn/core/database/transaction.ts";
import { keysOf, restoreId } from "@cairn/core/document/id.ts";
import { PLACE_BITS } from "@cairn/core/document/insert.ts";
import { REPLICATION_SETTINGS } from "@cairn/core/replication/capture.ts";
import { sql } from "drizzle-orm";
import { assertSource } from "./assert-source.ts";
import type { CollectionPair } from "./context.ts";
import type { Replication } from "./replication.ts";

/**
 * Gives the records of a page of Chroma's list the same order in Cairn, in which `get` returns them. `after`: the place of the last record
 * of the page before. Returns the place of the page's last record, and how many records got another place. Two writers at once may be
 * recorded in another order than Chroma applied them.
 */
export async function alignOrder(
  replication: Replication,
  { cairn }: CollectionPair,
  { ids, after }: { readonly ids: readonly string[]; readonly after: bigint },
): Promise<{ readonly last: bigint; readonly moved: number }> {
  const { database, tenantId } = replication;
  return asTenant(
    database,
    tenantId,
    async (transaction) => {
      const { orm } = transaction;
      const rows = await orm.selectRows<{ id: string; long_id: string | null; sequence: string | null }>(sql`
        SELECT id, long_id, sequence::text AS sequence FROM cairn.documents
        WHERE ${inCollection(cairn)} AND chunk = 0 AND id = ANY(${sql.param(keysOf(ids))}::text[])`);
      const places = new Map(rows.map((row) => [restoreId(row.id, row.long_id), row.sequence]));
      const present = ids.filter((id) => places.has(id));
      const current = present.map((id) => places.get(id) ?? null);
      if (isIncreasing(current, after)) return { last: BigInt(current.at(-1) ?? after), moved: 0 };
      // Of the collection's node: with Citus, each worker has a sequence of its own for its documents.
      const [next] = await orm.selectRows<{ place: string }>(sql`
        SELECT ((SELECT nextval('cairn.document_sequence')) << ${sql.raw(String(PLACE_BITS))})::text AS place
        FROM cairn.collections WHERE ${isCollection(cairn)}`);
      const wanted = newPlaces(current, { after, next: BigInt(next?.place ?? 0) });
      const moved = present.flatMap((id, at) =>
        String(wanted[at]) === current[at] ? [] : [{ id, place: wanted[at] }],
      );
      await orm.execute(sql`
        UPDATE cairn.documents AS d SET sequence = r.sequence
        FROM unnest(${sql.param(keysOf(moved.map(({ id }) => id)))}::text[],
                    ${sql.param(moved.map(({ place }) => String(place)))}::bigint[]) AS r (id, sequence)
        WHERE ${inCollection(cairn, sql`d.`)} AND d.id = r.id AND d.chunk = 0`);
      await becomeAdmin(transaction);
      await assertSource(orm, replication);
      return { last: wanted.at(-1) ?? after, moved: moved.length };
    },
    REPLICATION_SETTINGS,
  );
}

function isIncreasing(places: readonly (string | null)[], after: bigint): boolean {
  let last = after;
  return places.every((place) => {
    if (place === null || BigInt(place) <= last) return false;
    last = BigInt(place);
    return true;
  });
}

/** The same places in order, if they come after the page before; otherwise places after all that exist. */
function newPlaces(
  places: readonly (string | null)[],
  { after, next }: { readonly after: bigint; readonly next: bigint },
): readonly bigint[] {
  const sorted = places.flatMap((place) => (place === null ? [] : [BigInt(place)])).sort((a, b) => (a < b ? -1 : 1));
  const fits = sorted.length === places.length && isIncreasing(sorted.map(String), after);
  return fits ? sorted : places.map((_, at) => next + BigInt(at));
}
