import type { Database } from "@cairn/core/database/database.ts";
import { type Settlement, settleWrites, type WriteOutcome } from "./journal.ts";

/** Records the outcomes of writes after their responses. */
export interface Settlements {
  /**
   * Records an outcome soon. Of an unknown one the changes stay in flight until their time limit. Resolves when it is recorded, or could
   * not be; never rejects.
   */
  add(settlement: {
    readonly tenantId: string;
    readonly sequences: readonly string[];
    readonly outcome: WriteOutcome;
  }): Promise<void>;
  /** Waits until the outcomes are recorded. */
  close(): Promise<void>;
}

export interface SettlementOptions {
  /** Called with each tenant whose changes can be replicated from now on. */
  readonly onSettled: (tenantId: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Outcomes in one statement. */
const MAX_SETTLEMENTS = 1_000;

/** Records outcomes in one transaction at a time, which takes all that have come meanwhile. Create it once for each process. */
export function createSettlements(database: Database, { onSettled, onError }: SettlementOptions): Settlements {
  const waiting: Settlement[] = [];
  let flushing: Promise<void> | undefined;

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, MAX_SETTLEMENTS);
      try {
        await settleWrites(database, batch);
      } catch (error) {
        onError(error); // the changes are read again when their time limit is over
        continue;
      }
      for (const tenantId of new Set(batch.map((settlement) => settlement.tenantId))) onSettled(tenantId);
    }
    flushing = undefined;
  }

  return {
    async add({ tenantId, sequences, outcome }) {
      if (sequences.length === 0 || outcome === "unknown") return;
      waiting.push({ tenantId, sequences, outcome });
      flushing ??= flush();
      await flushing;
    },
    close: async () => flushing,
  };
}
