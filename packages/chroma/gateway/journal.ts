import type { Database } from "@cairn/core/database/database.ts";
import { encodeText } from "@cairn/core/database/text.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { leaseEnd } from "@cairn/core/lease/lease-end.ts";
import { MAX_CHANGE_IDS } from "@cairn/core/replication/capture.ts";
import { sql } from "drizzle-orm";
import { isReplicated, type Phase, sourceOf } from "./phase.ts";
import { type CutoverSettings, lockCutoverTenant } from "./tenants.ts";

// The journal of writes that Chroma decides. A write is recorded before it is sent, and the record says what may differ from then on.

/** What a write may change. */
export interface Change {
  /** The collection's id in Chroma. Null: a collection that is known by its path only. */
  readonly collectionId: string | null;
  /** The path of a collection that the write creates, changes or deletes. Null: it changes records. */
  readonly subject: string | null;
  /** Null: the collection itself. */
  readonly ids: readonly string[] | null;
  /** Whether the write deletes them. Default false. */
  readonly deletes?: boolean;
}

/** A write that was recorded, or the phase in which there is nothing to record. */
export interface Begun {
  readonly phase: Phase;
  readonly settings: CutoverSettings;
  /** A change of phase is in progress: nothing was recorded, and the write has to wait. */
  readonly barrier: boolean;
  /** Sequences of the recorded changes. Empty: Chroma is not the source of a replica. */
  readonly sequences: readonly string[];
}

/**
 * Reads the tenant's phase and records the write, in one transaction that holds off a change of phase. Until `settleWrite`, or for
 * `timeoutMs`, its outcome counts as unknown and nothing is replicated from it.
 */
export function beginWrite(
  database: Database,
  tenantId: string,
  { change, timeoutMs }: { readonly change: Change; readonly timeoutMs: number },
): Promise<Begun> {
  return asAdmin(database, async ({ orm }) => {
    const tenant = await lockCutoverTenant(orm, tenantId, "share");
    const { phase = "chroma", barrier = false, settings = {} } = tenant ?? {};
    if (barrier || !isReplicated(phase) || sourceOf(phase) !== "chroma")
      return { phase, settings, barrier, sequences: [] };
    const sequences: string[] = [];
    for (const ids of slicesOf(change.ids)) {
      const rows = await orm.selectRows<{ sequence: string }>(sql`
        INSERT INTO cairn.changes (tenant_id, collection_id, subject, ids, deletes, in_flight_until)
        VALUES (${tenantId}::uuid, ${change.collectionId}::uuid, ${change.subject}::text,
                ${sql.param(ids?.map(encodeText) ?? null)}::text[], ${change.deletes ?? false}::boolean,
                ${leaseEnd(timeoutMs)})
        RETURNING sequence::text AS sequence`);
      sequences.push(...rows.map(({ sequence }) => sequence));
    }
    return { phase, settings, barrier, sequences };
  });
}

function* slicesOf(ids: readonly string[] | null): Generator<readonly string[] | null> {
  if (ids === null) yield null;
  else for (let start = 0; start < ids.length; start += MAX_CHANGE_IDS) yield ids.slice(start, start + MAX_CHANGE_IDS);
}

/**
 * What became of a write. `ok`: the source has applied it. `refused`: the source has changed nothing. `unknown`: it may be applied, now
 * or until its time limit.
 */
export type WriteOutcome = "ok" | "refused" | "unknown";

/** Records the outcome. Of an unknown one the changes stay in flight until their time limit, and are read again then. */
export async function settleWrite(
  database: Database,
  tenantId: string,
  { sequences, outcome }: { readonly sequences: readonly string[]; readonly outcome: WriteOutcome },
): Promise<void> {
  if (sequences.length === 0 || outcome === "unknown") return;
  const rows = sql`tenant_id = ${tenantId}::uuid AND sequence = ANY(${sql.param(sequences)}::bigint[])`;
  await asAdmin(database, ({ orm }) =>
    orm.execute(
      outcome === "refused"
        ? sql`DELETE FROM cairn.changes WHERE ${rows}`
        : sql`UPDATE cairn.changes SET in_flight_until = NULL WHERE ${rows}`,
    ),
  );
}
