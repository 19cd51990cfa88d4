import type { Database } from "@cairn/core/database/database.ts";
import { type Placement, readPlacements } from "../ledger/placement.ts";
import type { TargetPath } from "../protocol/pattern.ts";
import type { SourceCollection } from "../source/source.ts";
import type { PlanOptions } from "./options.ts";

/** A source collection whose target was deleted in Cairn. */
export interface DeletedTarget {
  readonly source: SourceCollection;
  /** What was deleted, and how to restore it. */
  readonly detail: string;
}

/** The targets that earlier runs gave these collections, by source id. Empty without the source's address. */
export async function readEarlierPlacements(
  database: Database | undefined,
  planned: readonly { readonly source: SourceCollection; readonly targetPath: TargetPath }[],
  { sourceUrl }: PlanOptions,
): Promise<ReadonlyMap<string, Placement>> {
  return database && sourceUrl !== undefined ? readPlacements(database, sourceUrl, planned) : new Map();
}

/** Says that a target was deleted in Cairn, and how to restore it. */
export function explainDeleted(deleted: "tenant" | "collection", { tenant, collection }: TargetPath): string {
  const what =
    deleted === "tenant" ? `Tenant ${tenant}` : `Collection ${JSON.stringify(collection)} of tenant ${tenant}`;
  return `${what} was deleted in Cairn since the migration and stays deleted. --discard-changes migrates it again.`;
}
