import type { Database } from "@cairn/core/database/database.ts";
import { type Placement, readPlacements } from "../ledger/placement.ts";
import type { SourceCollection } from "../source/source.ts";
import type { PlanOptions } from "./options.ts";
import type { Place } from "./pattern.ts";

/** A source collection whose target was deleted in Cairn. */
export interface DeletedTarget {
  readonly source: SourceCollection;
  /** What was deleted, and the way back. */
  readonly detail: string;
}

/** Where earlier runs put these collections, by their ids; without a source's address nothing is known of them. */
export async function findPlacements(
  database: Database | undefined,
  placed: readonly { readonly source: SourceCollection; readonly place: Place }[],
  { sourceUrl }: PlanOptions,
): Promise<ReadonlyMap<string, Placement>> {
  return database && sourceUrl !== undefined ? readPlacements(database, sourceUrl, placed) : new Map();
}

/** That a target was deleted in Cairn, and the way back. */
export function explainDeleted(gone: "tenant" | "collection", { tenant, collection }: Place): string {
  const what =
    gone === "tenant" ? `Tenant ${tenant}` : `Collection ${JSON.stringify(collection)} of tenant ${tenant}`;
  return `${what} was deleted in Cairn since it was migrated, and stays deleted; --discard-changes migrates it again.`;
}
