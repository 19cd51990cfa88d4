import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { hashListing } from "../ledger/listing.ts";
import { addListings, expectedListing, type Tally } from "../ledger/tally.ts";
import type { PassContext } from "./page.ts";
import { listStoredIds } from "./stored.ts";

/** Ids in one page. */
const PAGE_SIZE = 5_000;

export interface IdSetComparison {
  /** Whether the source still lists exactly the ids that the pass has seen. */
  readonly stable: boolean;
  /** Whether the target has exactly those ids, except for records that were deleted in Cairn. */
  readonly equal: boolean;
  /** Ids that only the target has. Looked up only if the sets differ. */
  readonly extras: readonly Extra[];
}

export interface Extra {
  readonly id: string;
  /** Written through the service, not by a migration. */
  readonly writtenByService: boolean;
}

/**
 * Compares the ids that a pass has seen with the current listings of the source and the target. Listing by offset skips
 * records while others are deleted, so a pass proves nothing until a second listing confirms it.
 */
export async function compareIdSets(pass: PassContext, tally: Tally): Promise<IdSetComparison> {
  const sourceListing = await hashSourceListing(pass);
  const targetListing = await hashStoredIds(pass.database, pass.target);
  const stable = sourceListing === tally.listing;
  if (targetListing === expectedListing(tally)) return { stable, equal: true, extras: [] };
  return { stable, equal: false, extras: await findExtras(pass) };
}

async function hashSourceListing({ source, collection, limit }: PassContext): Promise<string> {
  let sum = "0";
  for (let offset = 0; ; offset += PAGE_SIZE) {
    const ids = await limit(() => source.listIds(collection, { offset, limit: PAGE_SIZE }));
    sum = addListings(sum, hashListing(ids));
    if (ids.length < PAGE_SIZE) return sum;
  }
}

/** The hash of all ids of a collection in Cairn, see `hashListing`. */
export async function hashStoredIds(database: Database, collection: Collection): Promise<string> {
  let sum = "0";
  for (let after: string | null = null; ; ) {
    const page = await listStoredIds(database, collection, after, PAGE_SIZE);
    if (page.ids.length === 0) return sum;
    sum = addListings(sum, hashListing(page.ids));
    after = page.last;
  }
}

async function findExtras({
  source,
  database,
  collection,
  target,
  pageSize,
  limit,
}: PassContext): Promise<readonly Extra[]> {
  const extras: Extra[] = [];
  for (let after: string | null = null; ; ) {
    const page = await listStoredIds(database, target, after, pageSize);
    if (page.ids.length === 0) return extras;
    const existing = await limit(() => source.filterExisting(collection, page.ids));
    for (const [index, id] of page.ids.entries())
      if (!existing.has(id)) extras.push({ id, writtenByService: page.writtenByService[index] ?? false });
    after = page.last;
  }
}
