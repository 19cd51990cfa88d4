import { asTenant, becomeTenant } from "@cairn/core/database/transaction.ts";
import {
  deleteExpiredTombstones,
  hasExpiredTombstones,
  markTombstonesSeen,
} from "@cairn/core/document/tombstone.ts";
import { hashListing } from "../ledger/listing.ts";
import { assertHeld } from "../ledger/run.ts";
import { addListings } from "../ledger/tally.ts";
import type { CopyContext } from "./context.ts";
import type { PageSource } from "./page.ts";
import { retryPassing } from "./retry.ts";

/** Ids a look at the source. */
const PAGE = 5_000;

/**
 * Forgets the tombstones of records that Chroma has no longer: nothing could bring those back. `listing` is what a pass
 * has seen and a second listing has confirmed; one that differs from it proves nothing, and all stay.
 */
export async function forgetGone(
  { services: { database }, run }: CopyContext,
  { source, collection, target, limit }: PageSource,
  listing: string,
): Promise<void> {
  if (!(await hasExpiredTombstones(database, target))) return;
  let sum = "0";
  for (let offset = 0; ; offset += PAGE) {
    const ids = await limit(() => source.listIds(collection, { offset, limit: PAGE }));
    sum = addListings(sum, hashListing(ids));
    await retryPassing(() =>
      asTenant(database, target.tenantId, (transaction) => markTombstonesSeen(transaction, target, ids)),
    );
    if (ids.length < PAGE) break;
  }
  if (sum !== listing) return;
  await retryPassing(() =>
    database.transaction(async (transaction) => {
      await assertHeld(transaction, run);
      await becomeTenant(transaction, target.tenantId);
      await deleteExpiredTombstones(transaction, target);
    }),
  );
}
