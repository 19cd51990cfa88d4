import type { Database, Orm } from "@cairn/core/database/database.ts";
import { decodeText, encodeText } from "@cairn/core/database/text.ts";
import { ADMIN_SETTINGS, asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";

/** A recorded change whose write has ended. */
export interface ReadyChange {
  readonly sequence: string;
  /** In Chroma or in Cairn. Null: see `subject`. */
  readonly collectionId: string | null;
  readonly subject: string | null;
  /** Null: the collection itself. */
  readonly ids: readonly string[] | null;
  /** The records were deleted, and go last if they were added again. */
  readonly deletes: boolean;
}

interface ChangeRow {
  readonly sequence: string;
  readonly collection_id: string | null;
  readonly subject: string | null;
  readonly ids: readonly string[] | null;
  readonly deletes: boolean;
}

/** Changes and ids that are read at once. A change has up to 1,000 ids. */
const MAX_CHANGES = 500;
const MAX_IDS = 2_000;

/** The first changes that can be replicated, in the order in which they were recorded. */
export async function readReadyChanges(database: Database, tenantId: string): Promise<readonly ReadyChange[]> {
  const [rows = []] = await database.read(
    [
      sql`
      SELECT sequence::text AS sequence, collection_id, subject, ids, deletes FROM (
        SELECT *, sum(coalesce(cardinality(ids), 1)) OVER (ORDER BY sequence) AS total FROM cairn.changes
        WHERE tenant_id = ${tenantId}::uuid AND coalesce(in_flight_until, now()) <= now()
          AND coalesce(retry_at, now()) <= now()
        ORDER BY sequence LIMIT ${MAX_CHANGES}) AS ready
      WHERE total <= ${MAX_IDS} OR total = coalesce(cardinality(ids), 1) ORDER BY ready.sequence`,
    ],
    { settings: ADMIN_SETTINGS }, // not prepared: Citus plans a window by the tenant's value
  );
  return (rows as readonly ChangeRow[]).map(({ sequence, collection_id: collectionId, subject, ids, deletes }) => ({
    sequence,
    deletes,
    collectionId,
    subject: subject === null ? null : decodeText(subject),
    ids: ids?.map(decodeText) ?? null,
  }));
}

/** Deletes changes that were replicated, in the administrator's open transaction. A later change of the same ids stays. */
export async function deleteChanges(orm: Orm, tenantId: string, changes: readonly ReadyChange[]): Promise<void> {
  if (changes.length > 0) await orm.execute(sql`DELETE FROM cairn.changes WHERE ${areChanges(tenantId, changes)}`);
}

/** Milliseconds before the second attempt; doubled for each further one. */
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/** Schedules changes for another attempt. `failure`: why, without ids and texts. */
export async function postponeChanges(
  database: Database,
  tenantId: string,
  { changes, failure }: { readonly changes: readonly ReadyChange[]; readonly failure: string },
): Promise<void> {
  // The time is computed in a subquery: Citus refuses now() in an expression of SET.
  const pause = sql`least(${MAX_RETRY_MS}::float8, ${FIRST_RETRY_MS}::float8 * 2 ^ least(attempts, 20))`;
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.changes AS c SET attempts = c.attempts + 1, failure = ${encodeText(failure.slice(0, 500))}::text,
        retry_at = r.at
      FROM (SELECT sequence, now() + ${pause} * interval '1 millisecond' AS at
            FROM cairn.changes WHERE ${areChanges(tenantId, changes)} OFFSET 0) AS r
      WHERE c.tenant_id = ${tenantId}::uuid AND c.sequence = r.sequence`),
  );
}

function areChanges(tenantId: string, changes: readonly ReadyChange[]) {
  return sql`tenant_id = ${tenantId}::uuid
    AND sequence = ANY(${sql.param(changes.map(({ sequence }) => sequence))}::bigint[])`;
}

/** Those of the ids that a recorded change names. */
export async function filterPending(
  database: Database,
  tenantId: string,
  { collectionIds, ids }: { readonly collectionIds: readonly string[]; readonly ids: readonly string[] },
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const rows = await asAdmin(database, ({ orm }) =>
    orm.selectRows<{ id: string }>(sql`
      SELECT DISTINCT p.id FROM cairn.changes AS c CROSS JOIN unnest(c.ids) AS p (id)
      WHERE c.tenant_id = ${tenantId}::uuid AND c.collection_id = ANY(${sql.param(collectionIds)}::uuid[])
        AND p.id = ANY(${sql.param(ids.map(encodeText))}::text[])`),
  );
  return new Set(rows.map(({ id }) => decodeText(id)));
}

/** The state of a tenant's journal. */
export interface JournalState {
  /** Changes that the replica does not have yet, with those in flight. */
  readonly changes: number;
  /** Changes whose write has not ended, or whose outcome is unknown. */
  readonly inFlight: number;
  /** Changes that failed at least once. */
  readonly failing: number;
  /** Seconds since the oldest was recorded. Null: there is none. */
  readonly oldestSeconds: number | null;
  /** Why the last attempt failed. Null: none did. */
  readonly failure: string | null;
}

export async function readJournalState(orm: Orm, tenantId: string): Promise<JournalState> {
  const [state] = await orm.selectRows<JournalState>(sql`
    SELECT count(*)::float8 AS changes, count(*) FILTER (WHERE in_flight_until > now())::float8 AS "inFlight",
           count(*) FILTER (WHERE attempts > 0)::float8 AS failing,
           extract(epoch FROM now() - min(created_at))::float8 AS "oldestSeconds",
           max(failure) AS failure
    FROM cairn.changes WHERE tenant_id = ${tenantId}::uuid`);
  return state as JournalState;
}
