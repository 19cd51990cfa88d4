import type { Database } from "@cairn/core/database/database.ts";
import { countStatement } from "@cairn/core/record/count.ts";
import { readTarget } from "@cairn/core/search/read-target.ts";
import type { CollectionRoute } from "../view/view.ts";
import { asNotFound, servingId } from "./target.ts";

/** The number of records of a collection. */
export async function countRecords(database: Database, route: CollectionRoute): Promise<number> {
  const id = await servingId(database, route);
  const { rows } = await asNotFound(route.collectionId, () =>
    readTarget(database, route.tenantId, id, ({ collection }) => ({
      plan: undefined,
      statements: [countStatement(collection)],
      prepare: true,
    })),
  );
  return (rows[0]?.[0] as { readonly records: number } | undefined)?.records ?? 0;
}
