import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@cairn/core/error.ts";
import { hasChanges } from "../journal.ts";
import type { CutoverTenant } from "../tenants.ts";
import type { Gateway } from "./context.ts";

/** Milliseconds that a strict write waits for the replica. */
const STRICT_TIMEOUT_MS = 5_000;

/** Milliseconds between looks at the journal. */
const PAUSE_MS = 20;

interface RecordedChanges {
  readonly sequences: readonly string[];
  readonly settled: Promise<void>;
}

/** Waits until Cairn has what these writes have changed. Throws `replica_behind` if it does not within five seconds. */
export async function waitForReplica(
  { database }: Pick<Gateway, "database">,
  { tenantId, name }: Pick<CutoverTenant, "tenantId" | "name">,
  writes: readonly RecordedChanges[],
): Promise<void> {
  const deadline = performance.now() + STRICT_TIMEOUT_MS;
  const sequences = writes.flatMap((write) => write.sequences);
  let cause: unknown;
  try {
    await Promise.all(writes.map(({ settled }) => settled));
    while (performance.now() < deadline) {
      if (!(await hasChanges(database, tenantId, sequences))) return;
      await sleep(PAUSE_MS);
    }
  } catch (error) {
    cause = error;
  }
  throw new AppError(
    "replica_behind",
    `The write was applied in Chroma, and Cairn did not have it within ${STRICT_TIMEOUT_MS / 1000} s. It follows as soon as possible, so the write need not be sent again. The tenant ${JSON.stringify(name)} is strict: without this setting the write would have been answered at once.`,
    { cause },
  );
}
