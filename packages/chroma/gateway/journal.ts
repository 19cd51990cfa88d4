import type { Database } from "@cairn/core/database/database.ts";
import { encodeText } from "@cairn/core/database/text.ts";
import { ADMIN_SETTINGS } from "@cairn/core/database/transaction.ts";
import { leaseEnd } from "@cairn/core/lease/lease-end.ts";
import { MAX_CHANGE_IDS } from "@cairn/core/replication/capture.ts";
import { sql } from "drizzle-orm";
import { type ChromaPath, pathOf } from "../protocol/path.ts";
import type { DatabasePath } from "../server/view/view.ts";
import { isReplicated, PHASES, type Phase, sourceOf } from "./phase.ts";
import type { CutoverSettings } from "./tenants.ts";

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

/** The subject of a change of a collection. `databaseOf` reads it. Names may contain slashes. */
export function subjectOf({ tenant, database, name }: ChromaPath): string {
  return pathOf({
    tenant: encodeURIComponent(tenant.toWellFormed()),
    database: encodeURIComponent(database.toWellFormed()),
    name,
  });
}

/** The database in the subject of a change. */
export function databaseOf(subject: string): DatabasePath {
  const [tenant = "", database = ""] = subject.split("/");
  return { tenant: decodeURIComponent(tenant), database: decodeURIComponent(database) };
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
 * Reads the tenant's phase and records the write, in a transaction that holds off a change of phase. Until it is settled, or for
 * `timeoutMs`, its outcome counts as unknown and nothing is replicated from it. A write of more than 20,000 ids takes several
 * transactions. If the phase changes between two, nothing of it stays recorded.
 */
export async function beginWrite(
  database: Database,
  tenantId: string,
  { change, timeoutMs }: { readonly change: Change; readonly timeoutMs: number },
): Promise<Begun> {
  const slices = [...slicesOf(change.ids)];
  const sequences: string[] = [];
  let first: BegunRow | undefined;
  for (let start = 0; start < slices.length; start += MAX_STATEMENTS) {
    const batch = slices.slice(start, start + MAX_STATEMENTS);
    const statements = batch.map((ids) => recordStatement(tenantId, { ...change, ids }, timeoutMs));
    // Statements that depend on nothing but the lock are sent in one round trip.
    const results = (await database.read(statements, { settings: ADMIN_SETTINGS })) as readonly (readonly BegunRow[])[];
    const rows = results.flat();
    first = rows[0];
    const recorded = rows.flatMap(({ sequence }) => sequence ?? []);
    if (recorded.length === 0) {
      await settleWrites(database, [{ tenantId, sequences: sequences.splice(0), outcome: "refused" }]);
      break;
    }
    sequences.push(...recorded);
  }
  const { phase = "chroma", barrier = false, settings = {} } = first ?? {};
  return { phase, settings, barrier, sequences };
}

/** Statements in one transaction. The driver encodes their ids without a pause, at about a millisecond for each. */
const MAX_STATEMENTS = 20;

interface BegunRow extends Pick<Begun, "phase" | "settings" | "barrier"> {
  /** Null: nothing was recorded. */
  readonly sequence: string | null;
}

/** Locks the tenant's row, and records a change if Chroma is the source of a replica. */
function recordStatement(tenantId: string, { collectionId, subject, ids, deletes = false }: Change, timeoutMs: number) {
  return sql`
    WITH tenant AS MATERIALIZED (
      SELECT phase, coalesce(barrier_until > now(), false) AS barrier, settings FROM cairn.cutover_tenants
      WHERE tenant_id = ${tenantId}::uuid FOR SHARE),
    recorded AS (
      INSERT INTO cairn.changes (tenant_id, collection_id, subject, ids, deletes, in_flight_until)
      SELECT ${tenantId}::uuid, ${collectionId}::uuid, ${subject === null ? null : encodeText(subject)}::text,
             ${sql.param(ids?.map(encodeText) ?? null)}::text[], ${deletes}::boolean, ${leaseEnd(timeoutMs)}
      FROM tenant WHERE phase = ANY(${sql.param(PHASES.filter(isRecorded))}::text[]) AND NOT barrier
      RETURNING sequence::text AS sequence)
    SELECT phase, barrier, settings, (SELECT sequence FROM recorded) AS sequence FROM tenant`;
}

/** Whether writes are recorded here: Chroma decides them, and Cairn follows. */
export function isRecorded(phase: Phase): boolean {
  return isReplicated(phase) && sourceOf(phase) === "chroma";
}

function* slicesOf(ids: readonly string[] | null): Generator<readonly string[] | null> {
  if (ids === null) yield null;
  else for (let start = 0; start < ids.length; start += MAX_CHANGE_IDS) yield ids.slice(start, start + MAX_CHANGE_IDS);
}

/**
 * What became of a write. `ok`: the source has applied it. `refused`: the source has changed nothing. `failed`: the source has answered
 * with an error, and may have applied it or a part of it. `unknown`: it may be applied, now or until its time limit.
 */
export type WriteOutcome = "ok" | "refused" | "failed" | "unknown";

/** A write whose outcome is known. */
export interface Settlement {
  readonly tenantId: string;
  readonly sequences: readonly string[];
  readonly outcome: Exclude<WriteOutcome, "unknown">;
}

/** Records outcomes, of writes of any tenants. A change whose outcome is not recorded is read again when its time limit is over. */
export async function settleWrites(database: Database, settlements: readonly Settlement[]): Promise<void> {
  const statements = [true, false].flatMap((isUnchanged) => {
    const changes = settlements
      .filter(({ outcome }) => (outcome === "refused") === isUnchanged)
      .flatMap(({ tenantId, sequences }) => sequences.map((sequence) => ({ tenantId, sequence })));
    if (changes.length === 0) return [];
    const settled = sql`
      unnest(${sql.param(changes.map(({ tenantId }) => tenantId))}::uuid[],
             ${sql.param(changes.map(({ sequence }) => sequence))}::bigint[]) AS s (tenant_id, sequence)
      WHERE c.tenant_id = s.tenant_id AND c.sequence = s.sequence`;
    return isUnchanged
      ? [sql`DELETE FROM cairn.changes AS c USING ${settled}`]
      : [sql`UPDATE cairn.changes AS c SET in_flight_until = NULL FROM ${settled}`];
  });
  if (statements.length === 0) return;
  // A crash of the server that loses an outcome costs the time until it is read again, so no commit waits for the disk.
  await database.read(statements, { settings: { ...ADMIN_SETTINGS, synchronous_commit: "off" } });
}

/** Whether one of these changes has not reached the replica. */
export async function hasChanges(database: Database, tenantId: string, sequences: readonly string[]): Promise<boolean> {
  const [rows = []] = await database.read(
    [
      sql`
        SELECT 1 FROM cairn.changes
        WHERE tenant_id = ${tenantId}::uuid AND sequence = ANY(${sql.param(sequences)}::bigint[]) LIMIT 1`,
    ],
    { settings: ADMIN_SETTINGS },
  );
  return rows.length > 0;
}
