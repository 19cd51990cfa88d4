import type { Database } from "@cairn/core/database/database.ts";
import { findDue } from "@cairn/core/maintenance/due.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { inspectCollection } from "@cairn/core/maintenance/inspect.ts";
import type { CopyContext } from "./copy/context.ts";
import type { Outcome } from "./report/build.ts";
import { labelCollections } from "./source/label.ts";

/** Milliseconds to wait for another process that builds indexes; past that they are left to it, or to cairn reindex. */
const LEASE_WAIT_MS = 600_000;

/**
 * Gives the collections that are large enough their indexes, so that searches are compared, and live, as they will be.
 * One that cannot have them is searched row by row and keeps no other from its own, see `missingIndexes`.
 */
export async function promoteCollections(
  { services, onProgress, signal }: CopyContext,
  outcomes: readonly Outcome[],
  maxRows?: number,
): Promise<void> {
  let wait = LEASE_WAIT_MS;
  for (const { planned, target, tenantName, progress } of outcomes) {
    const about = {
      id: planned.source.id,
      collection: planned.source.name,
      tenant: tenantName,
      phase: "index",
      pass: progress.pass,
    } as const;
    const maintained = await maintainIndexes(services.database, {
      tenantId: target.tenantId,
      collection: target.id,
      wait,
      signal,
      maxRows,
      onProgress({ action, rows, seconds }) {
        if (action === "build") onProgress({ ...about, total: rows, done: seconds === undefined ? 0 : rows });
      },
    });
    if (!maintained) wait = 0; // once is enough: whoever builds for so long goes on
  }
}

/** The collections whose searches are slower than they could be, each with the reason and the way out. */
export async function missingIndexes(
  database: Database,
  outcomes: readonly Outcome[],
): Promise<readonly string[]> {
  const missing: string[] = [];
  const label = labelCollections(outcomes.map(({ planned }) => planned.source));
  for (const { planned, target } of outcomes) {
    const due = findDue(await inspectCollection(database, target.tenantId, target.id));
    if (due.action === "build")
      missing.push(
        `${label(planned.source)}: ${due.reason}. They are searched row by row until: cairn reindex`,
      );
    else if (due.reason !== undefined)
      missing.push(`${label(planned.source)}: it is searched row by row. ${due.reason}`);
  }
  return missing;
}
