import { asTenant, becomeTenant } from "@cairn/core/database/transaction.ts";
import { deleteExpiredTombstones, hasExpiredTombstones, markTombstonesSeen } from "@cairn/core/document/tombstone.ts";
import { hashListing } from "../ledger/listing.ts";
import { assertLease } from "../ledger/run.ts";
import { addListings } from "../ledger/tally.ts";
import type { CopyContext } from "./context.ts";
import type { PassContext } from "./page.ts";
import { retryTransient } from "./retry.ts";

/** Ids in one request to the source. */
const PAGE_SIZE = 5_000;

/**
 * Deletes the tombstones of records that Chroma no longer has, because nothing can restore those records. `listing` is the
 * hash of the ids that a pass has seen and a second listing has confirmed. If the listing here differs from it, all
 * tombstones are kept.
 */
export async function deleteStaleTombstones(
  { services: { database }, run }: CopyContext,
  { source, collection, target, limit }: PassContext,
  listing: string,
): Promise<void> {
  if (!(await hasExpiredTombstones(database, target))) return;
  let sum = "0";
  for (let offset = 0; ; offset += PAGE_SIZE) {
    const ids = await limit(() => source.listIds(collection, { offset, limit: PAGE_SIZE }));
    sum = addListings(sum, hashListing(ids));
    await retryTransient(() =>
      asTenant(database, target.tenantId, (transaction) => markTombstonesSeen(transaction, target, ids)),
    );
    if (ids.length < PAGE_SIZE) break;
  }
  if (sum !== listing) return;
  await retryTransient(() =>
    database.transaction(async (transaction) => {
      await assertLease(transaction, run);
      await becomeTenant(transaction, target.tenantId);
      await deleteExpiredTombstones(transaction, target);
    }),
  );
}
