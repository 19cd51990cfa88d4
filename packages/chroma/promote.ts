import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import type { CopyContext } from "./copy/context.ts";
import type { Outcome } from "./report/build.ts";

/** Milliseconds to wait for another process that builds indexes; past that they are left to it, or to cairn reindex. */
const PATIENCE = 600_000;

/** Gives the collections that are large enough their indexes, so that searches are compared, and live, as they will be. */
export async function promoteCollections(
  { services, onProgress, signal }: CopyContext,
  outcomes: readonly Outcome[],
  mostRows?: number,
): Promise<void> {
  for (const { planned, target, tenantName, progress } of outcomes) {
    const about = {
      collection: planned.source.name,
      tenant: tenantName,
      phase: "index",
      pass: progress.pass,
    } as const;
    await maintainIndexes(services.database, {
      tenantId: target.tenantId,
      collection: target.id,
      wait: PATIENCE,
      signal,
      mostRows,
      onProgress({ action, rows, seconds }) {
        if (action === "build") onProgress({ ...about, total: rows, done: seconds === undefined ? 0 : rows });
      },
    });
  }
}
