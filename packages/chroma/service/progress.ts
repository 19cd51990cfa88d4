import type { JsonObject } from "@cairn/core/database/json.ts";
import type { ProgressEvent } from "../copy/context.ts";

/** Collections whose progress a job stores with each heartbeat. The counts have all of them. */
const MAX_COLLECTIONS = 200;

/** What is shown first: what failed, then what is in work. */
const PLACES: Readonly<Record<ProgressEvent["phase"], number>> = { failed: 0, copy: 1, verify: 1, index: 1, done: 2 };

/** The progress of a migration's collections, for the counts and the partial result of its job. */
export function createProgress() {
  let planned = 0;
  const latest = new Map<string, ProgressEvent>();
  const copied = new Map<string, { readonly done: number; readonly total: number }>();
  const finished = new Set<string>();
  return {
    /** Says how many collections there are. More may be created meanwhile. */
    plan(collections: number): void {
      planned = collections;
    },
    add(event: ProgressEvent): void {
      const { id, phase, done, total } = event;
      latest.delete(id); // the newest is the last
      latest.set(id, event);
      if (phase === "copy") copied.set(id, { done, total });
      if (phase === "done") finished.add(id);
    },
    counts() {
      const states = [...copied.values()];
      return {
        collections: Math.max(planned, copied.size),
        finished: finished.size,
        records: states.reduce((sum, { done }) => sum + done, 0),
        of: states.reduce((sum, { total }) => sum + total, 0),
      };
    },
    partial(): JsonObject {
      const newest = [...latest.values()].toReversed().toSorted((a, b) => PLACES[a.phase] - PLACES[b.phase]);
      return {
        progress: newest
          .slice(0, MAX_COLLECTIONS)
          .map(({ detail = null, ...event }) => ({ ...event, detail: detail && [...detail].slice(0, 500).join("") })),
      };
    },
  };
}
