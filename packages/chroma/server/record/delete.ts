import { requireCollection } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { scanText } from "@cairn/core/filter/text-scan.ts";
import { deleteRecords } from "@cairn/core/record/delete.ts";
import { invalidArgument } from "../error.ts";
import type { Body } from "../request/body.ts";
import { optionalCount, optionalStrings } from "../request/fields.ts";
import { compileConditions, conditionsOf } from "../request/where.ts";
import type { CollectionRoute } from "../view/view.ts";
import { assertIndexed } from "./assert-indexed.ts";
import { withCollection } from "./target.ts";

/** Deletes records. Returns the number that Chroma reports: of ids alone, those that were asked for. */
export async function deleteChromaRecords(database: Database, route: CollectionRoute, body: Body): Promise<number> {
  const ids = optionalStrings(body, "ids");
  const limit = optionalCount(body, "limit");
  const hasWhere = body.where != null || body.where_document != null;
  if (limit !== undefined && !hasWhere)
    throw invalidArgument(
      "Validation error: limit, where: limit can only be specified when a where clause is provided",
    );
  if (ids?.length === 0 && !hasWhere)
    throw invalidArgument("Validation error: ids, where: Either ids or where must be specified");
  const conditions = conditionsOf(body, ids);
  const filter = compileConditions(conditions);
  if (!filter) return 0; // neither ids nor a condition: nothing is deleted
  const deleted = await withCollection(database, route, (collection) => {
    assertIndexed(collection, conditions);
    return scanText(filter.readsText, (settings) =>
      asTenant(
        database,
        collection.tenantId,
        async (transaction) => {
          const locked = await requireCollection(transaction.orm, collection.tenantId, collection.id, "key share");
          if (locked.replacedBy !== null || locked.replication !== collection.replication)
            throw new AppError(
              "collection_changed",
              "The collection's model or its replication was changed meanwhile.",
            );
          return deleteRecords(transaction, collection, { filter, limit });
        },
        settings,
      ),
    );
  });
  return hasWhere ? deleted : (ids?.length ?? 0);
}
