import type { Database } from "@cairn/core/database/database.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { inspectCollection } from "@cairn/core/maintenance/inspect.ts";
import { findPendingWork } from "@cairn/core/maintenance/pending-work.ts";
import type { CopyContext } from "./copy/context.ts";
import type { Outcome } from "./report/build.ts";
import { labelCollections } from "./source/label.ts";

/** Milliseconds to wait for another process that builds indexes. After that, the indexes are left to it or to cairn reindex. */
const LEASE_WAIT_MS = 600_000;

/**
 * Builds the indexes of collections that are large enough, so that the compared searches use the same indexes as later
 * requests. A collection whose indexes cannot be built is searched exactly and does not affect the others; see
 * `describeMissingIndexes`.
 */
export async function promoteCollections(
  { services, onProgress, signal }: CopyContext,
  outcomes: readonly Outcome[],
  maxRows?: number,
): Promise<void> {
  let waitMs = LEASE_WAIT_MS;
  for (const { planned, target, tenantName, progress } of outcomes) {
    const event = {
      id: planned.source.id,
      collection: planned.source.name,
      tenant: tenantName,
      phase: "index",
      pass: progress.pass,
    } as const;
    const maintained = await maintainIndexes(services.database, {
      tenantId: target.tenantId,
      collection: target.id,
      wait: waitMs,
      signal,
      maxRows,
      onProgress({ action, rows, seconds }) {
        if (action === "build") onProgress({ ...event, total: rows, done: seconds === undefined ? 0 : rows });
      },
    });
    if (!maintained) waitMs = 0; // the other process is still building, so do not wait again
  }
}

/** A notice for each collection that lacks an index, with the reason and what to do. */
export async function describeMissingIndexes(
  database: Database,
  outcomes: readonly Outcome[],
): Promise<readonly string[]> {
  const notices: string[] = [];
  const label = labelCollections(outcomes.map(({ planned }) => planned.source));
  for (const { planned, target } of outcomes) {
    const due = findPendingWork(await inspectCollection(database, target.tenantId, target.id));
    if (due.action === "build")
      notices.push(
        `${label(planned.source)}: ${due.reason}. They are searched row by row until cairn reindex indexes them.`,
      );
    else if (due.reason !== undefined)
      notices.push(`${label(planned.source)}: it is searched row by row. ${due.reason}`);
  }
  return notices;
}
