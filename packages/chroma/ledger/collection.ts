import { createHash } from "node:crypto";
import { type Collection, inCollection } from "@cairn/core/collection/collection.ts";
import type { Database, Transaction } from "@cairn/core/database/database.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { decodeText, encodeText } from "@cairn/core/database/text.ts";
import { asAdmin, asTenant } from "@cairn/core/database/transaction.ts";
import { lineageOf } from "@cairn/core/document/tombstone.ts";
import { sql } from "drizzle-orm";
import type { PlannedCollection } from "../plan/plan.ts";
import { assertLease, leaseLost, type Run, selectLeasedRun } from "./run.ts";
import { parseTally, serializeTally, type Tally } from "./tally.ts";

export type CollectionState = "copying" | "identical" | "not_identical" | "vanished";

/** The progress of a run with one collection. */
export interface Progress {
  readonly state: CollectionState;
  readonly fresh: boolean;
  readonly pass: number;
  /** Number of ids that this pass has processed, in the source's order. */
  readonly position: number;
  readonly tally: Tally;
  /** Records that the run has written or deleted. */
  readonly written: number;
  readonly seconds: number;
}

/** A finding about one record: it is quarantined, or it differs. */
export interface Finding {
  readonly id: string;
  readonly kind: string;
  readonly detail: string;
}

/** Adds a collection to the run, or returns its progress if the run has it already. */
export async function beginCollection(
  database: Database,
  run: Run,
  planned: PlannedCollection,
  target: Collection,
): Promise<Progress> {
  const [empty] = await asTenant(database, target.tenantId, ({ orm }) =>
    orm.selectRows<{ fresh: boolean; lineage: string | null }>(
      sql`SELECT NOT EXISTS (SELECT FROM cairn.documents WHERE ${inCollection(target)}) AS fresh, ${lineageOf(target)} AS lineage`,
    ),
  );
  const { source, vectors, why, targetPath, writtenMetadata } = planned;
  const metadata = writtenMetadata === undefined ? null : stringifyJson(writtenMetadata);
  return database.transaction(async (transaction) => {
    await assertLease(transaction, run);
    // Findings for another target, or for another way to get vectors, are outdated.
    await transaction.orm.execute(sql`
      DELETE FROM cairn.migration_exceptions AS e USING cairn.migration_collections AS c
      WHERE e.run_id = ${run.id}::uuid AND e.source_id = ${source.id} AND c.run_id = e.run_id AND c.source_id = e.source_id
        AND (c.tenant_id, c.collection_id, c.vectors)
          IS DISTINCT FROM (${target.tenantId}::uuid, ${target.id}::uuid, ${vectors}::text)`);
    await transaction.orm.execute(sql`
      INSERT INTO cairn.migration_collections AS c
        (run_id, source_id, source_tenant, source_database, source_name, tenant_id, collection_id, vectors, why, fresh)
      VALUES (${run.id}::uuid, ${source.id}, ${source.tenant}, ${source.database}, ${source.name},
              ${target.tenantId}::uuid, ${target.id}::uuid, ${vectors}, ${why}, ${empty?.fresh ?? false})
      ON CONFLICT (run_id, source_id) DO UPDATE SET
        tenant_id = excluded.tenant_id, collection_id = excluded.collection_id, vectors = excluded.vectors,
        why = excluded.why, fresh = excluded.fresh, state = 'copying', pass = 1, position = 0, tally = '{}'
      WHERE (c.tenant_id, c.collection_id, c.vectors)
        IS DISTINCT FROM (excluded.tenant_id, excluded.collection_id, excluded.vectors)`);
    await transaction.orm.execute(sql`
      UPDATE cairn.migration_collections
      SET lineage = ${empty?.lineage ?? target.id}::uuid, place_tenant = ${targetPath.tenant}, place_collection = ${targetPath.collection},
          metadata = ${metadata}
      WHERE run_id = ${run.id}::uuid AND source_id = ${source.id}`);
    return readProgress(transaction, run.id, source.id);
  });
}

/** The progress of a collection, as the ledger has it. */
export async function readProgress({ orm }: Transaction, runId: string, sourceId: string): Promise<Progress> {
  const [row] = await orm.selectRows<Omit<Progress, "tally"> & { readonly tally: string }>(sql`
        SELECT state, fresh, pass, position::float8 AS position, tally::text AS tally, written::float8 AS written, seconds
        FROM cairn.migration_collections WHERE run_id = ${runId}::uuid AND source_id = ${sourceId}`);
  if (!row) throw new Error("The run ledger has no row for this collection.");
  return { ...row, tally: parseTally(row.tally) };
}

/** Saves the number of records of a pass, for progress displays. */
export async function saveTotal(database: Database, run: Run, sourceId: string, total: number): Promise<void> {
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.migration_collections SET total = ${total}::bigint
                    WHERE run_id = ${run.id}::uuid AND source_id = ${sourceId}`),
  );
}

/**
 * Saves the progress in the transaction that wrote the page, under the administrator's role. Throws `run_held` if this
 * process has lost the lease.
 */
export async function saveProgress(
  { orm }: Transaction,
  run: Run,
  sourceId: string,
  progress: Progress,
  findings: readonly Finding[],
): Promise<void> {
  const leased = await orm.selectRows(sql`
    WITH leased AS (${selectLeasedRun(run)})
    UPDATE cairn.migration_collections
    SET state = ${progress.state}, fresh = ${progress.fresh}, pass = ${progress.pass}::int, position = ${progress.position}::bigint,
        tally = ${serializeTally(progress.tally)}::jsonb, written = ${progress.written}::bigint,
        seconds = ${progress.seconds}::float8, updated_at = now()
    FROM leased WHERE run_id = leased.id AND source_id = ${sourceId} RETURNING run_id`);
  if (leased.length === 0) throw leaseLost(run);
  if (findings.length === 0) return;
  const unique = [
    ...new Map(findings.map((finding) => [JSON.stringify([finding.id, finding.kind]), finding])).values(),
  ];
  await orm.execute(sql`
    INSERT INTO cairn.migration_exceptions (run_id, source_id, id_hash, kind, id, pass, detail)
    SELECT ${run.id}::uuid, ${sourceId}, decode(f.id_hash, 'hex'), f.kind, f.id, ${progress.pass}::int, f.detail
    FROM unnest(
      ${sql.param(unique.map(({ id }) => createHash("sha256").update(id, "utf16le").digest("hex")))}::text[],
      ${sql.param(unique.map(({ kind }) => kind))}::text[],
      ${sql.param(unique.map(({ id }) => encodeText(id)))}::text[],
      ${sql.param(unique.map(({ detail }) => encodeText(detail)))}::text[]
    ) AS f (id_hash, kind, id, detail)
    ON CONFLICT (run_id, source_id, id_hash, kind) DO UPDATE SET pass = excluded.pass, detail = excluded.detail`);
}

/** The findings of the latest pass over a collection. Older findings are resolved. */
export async function readFindings(
  database: Database,
  run: Run,
  sourceId: string,
  pass: number,
): Promise<readonly Finding[]> {
  const rows = await asAdmin(database, ({ orm }) =>
    orm.selectRows<Finding>(sql`SELECT id, kind, detail FROM cairn.migration_exceptions
          WHERE run_id = ${run.id}::uuid AND source_id = ${sourceId} AND pass = ${pass}::int ORDER BY kind, id`),
  );
  return rows.map(({ id, kind, detail }) => ({ id: decodeText(id), kind, detail: decodeText(detail) }));
}
