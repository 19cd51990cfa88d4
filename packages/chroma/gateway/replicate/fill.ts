import type { CollectionPair } from "./context.ts";
import { markFilled } from "./pair.ts";
import { reconcileCollection } from "./reconcile.ts";
import type { Replication } from "./replication.ts";

/**
 * Copies all records of a collection that the replica did not have, in the order of the source. Changes that were recorded meanwhile are
 * replicated afterwards, so that a new record does not come before older ones.
 */
export async function fillPair(replication: Replication, pair: CollectionPair): Promise<void> {
  await reconcileCollection(replication, pair, replication.renew);
  await markFilled(replication.database, { tenantId: replication.tenantId, collectionId: pair.cairn.lineage });
}
