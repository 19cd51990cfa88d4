import { hashListing } from "../ledger/listing.ts";
import { addListings, expectedListing, type Tally } from "../ledger/tally.ts";
import type { PageSource } from "./page.ts";
import { listStoredIds } from "./stored.ts";

/** Ids a look at the target. */
const PAGE = 5_000;

export interface SetCheck {
  /** The source still lists exactly the ids that the pass has seen. */
  readonly stable: boolean;
  /** The target has exactly those ids, but for what was deleted in Cairn. */
  readonly equal: boolean;
  /** Ids that the target has and the source has not; looked up only where the sets differ. */
  readonly extras: readonly Extra[];
}

export interface Extra {
  readonly id: string;
  /** Written through the service, not by a migration. */
  readonly own: boolean;
}

/**
 * Compares the ids that a pass has seen with the source's listing as it is now, and with the target's. Listing by
 * offset while records are deleted skips survivors, so a pass proves nothing until a second listing agrees with it.
 */
export async function checkSets(from: PageSource, tally: Tally): Promise<SetCheck> {
  const now = await hashSourceListing(from);
  const target = await hashTargetListing(from);
  const stable = now === tally.listing;
  if (target === expectedListing(tally)) return { stable, equal: true, extras: [] };
  return { stable, equal: false, extras: await findExtras(from) };
}

async function hashSourceListing({ source, collection, limit }: PageSource): Promise<string> {
  let sum = "0";
  for (let offset = 0; ; offset += PAGE) {
    const ids = await limit(() => source.listIds(collection, { offset, limit: PAGE }));
    sum = addListings(sum, hashListing(ids));
    if (ids.length < PAGE) return sum;
  }
}

async function hashTargetListing({ database, target }: PageSource): Promise<string> {
  let sum = "0";
  for (let after: string | null = null; ; ) {
    const page = await listStoredIds(database, target, after, PAGE);
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
}: PageSource): Promise<readonly Extra[]> {
  const extras: Extra[] = [];
  for (let after: string | null = null; ; ) {
    const page = await listStoredIds(database, target, after, pageSize);
    if (page.ids.length === 0) return extras;
    const existing = await limit(() => source.existing(collection, page.ids));
    for (const [index, id] of page.ids.entries())
      if (!existing.has(id)) extras.push({ id, own: page.own[index] ?? false });
    after = page.last;
  }
}
