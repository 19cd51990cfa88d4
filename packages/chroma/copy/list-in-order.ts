import { type Collection, inCollection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { restoreId } from "@cairn/core/document/id.ts";
import { INSERTION_ORDER } from "@cairn/core/record/read.ts";
import { sql } from "drizzle-orm";

interface PlaceRow {
  readonly id: string;
  readonly long_id: string | null;
  readonly place: string | null;
}

/** Yields the ids of a collection's documents in insertion order, in pages. A document that is added meanwhile comes last. */
export async function* listInOrder(
  database: Database,
  collection: Collection,
  pageSize: number,
): AsyncGenerator<readonly string[]> {
  for (let last: PlaceRow | undefined; ; ) {
    const rows: PlaceRow[] = await readPage(database, collection, { last, pageSize });
    if (rows.length > 0) yield rows.map((row) => restoreId(row.id, row.long_id));
    if (rows.length < pageSize) return;
    last = rows.at(-1);
  }
}

/** `place` is not named `sequence`, because ORDER BY would then sort by the text. */
function readPage(
  database: Database,
  collection: Collection,
  { last, pageSize }: { readonly last: PlaceRow | undefined; readonly pageSize: number },
): Promise<PlaceRow[]> {
  return asTenant(database, collection.tenantId, ({ orm }) =>
    orm.selectRows<PlaceRow>(sql`
      SELECT id, long_id, sequence::text AS place FROM cairn.documents
      WHERE ${inCollection(collection)} AND chunk = 0 AND ${isAfter(last)}
      ORDER BY ${INSERTION_ORDER} LIMIT ${pageSize}::int`),
  );
}

/** Documents of earlier versions have no place and come first, by their keys. */
function isAfter(last: PlaceRow | undefined) {
  if (!last) return sql`true`;
  if (last.place === null) return sql`(sequence IS NOT NULL OR id > ${last.id}::text)`;
  return sql`(sequence, id) > (${last.place}::bigint, ${last.id}::text)`;
}
