import { setTimeout as sleep } from "node:timers/promises";
import { readStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import type { Cairn } from "../support/cairn.ts";
import { MOVING_TENANT } from "./peers.ts";

const PAUSE_MS = 10;

/** The ids in the journal: records that the replica may lack. */
export async function countPending({ raw }: Pick<Cairn, "raw">): Promise<number> {
  const { rows } = await raw.query<{ ids: number }>(
    "SELECT coalesce(sum(coalesce(cardinality(ids), 1)), 0)::int AS ids FROM cairn.changes",
  );
  return rows[0]?.ids ?? 0;
}

/** Waits until the replica has every write. Returns the milliseconds. */
export async function waitForReplica(cairn: Pick<Cairn, "raw">): Promise<number> {
  const startedAt = performance.now();
  while ((await countPending(cairn)) > 0) await sleep(PAUSE_MS);
  return performance.now() - startedAt;
}

/** Waits until all records of the tenant were compared in its phase. */
export async function waitForComparison({ database }: Pick<Cairn, "database">): Promise<void> {
  while (!(await readStatus(database, MOVING_TENANT))?.compared) await sleep(PAUSE_MS * 10);
}
