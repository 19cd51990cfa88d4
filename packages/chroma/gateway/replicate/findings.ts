import type { Database } from "@cairn/core/database/database.ts";
import { encodeText } from "@cairn/core/database/text.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { Side } from "../phase.ts";

/**
 * What keeps both sides from being equal. `refused`: one side does not take a record or a collection. `passages`: a document has several
 * passages, and a record of Chroma is one. `conflict`: a collection of the same name has other data. `bypass`: a record differed
 * without a recorded write; it was repaired.
 */
export interface CutoverFinding {
  /** The lineage in Cairn, or the id in Chroma of a collection that Cairn does not have. */
  readonly collectionId: string;
  /** Empty: the collection itself. */
  readonly recordId: string;
  readonly kind: "refused" | "passages" | "conflict" | "bypass";
  /** The side that cannot hold it, or that differed. */
  readonly side: Side;
  /** Without texts and values. */
  readonly detail: string;
}

/** Findings of one tenant that are kept at most. */
const MAX_FINDINGS = 10_000;

/** Records findings. One that is known already is counted. */
export async function saveFindings(
  database: Database,
  tenantId: string,
  findings: readonly CutoverFinding[],
): Promise<void> {
  if (findings.length === 0) return;
  const column = (read: (finding: CutoverFinding) => string) => sql`${sql.param(findings.map(read))}`;
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      INSERT INTO cairn.cutover_findings AS f (tenant_id, collection_id, record_id, kind, side, detail, resolved_at)
      SELECT DISTINCT ON (r.collection_id, r.record_id, r.kind)
        ${tenantId}::uuid, r.collection_id, r.record_id, r.kind, r.side, r.detail,
        CASE WHEN r.kind = 'bypass' THEN now() END
      FROM unnest(${column(({ collectionId }) => collectionId)}::uuid[],
                  ${column(({ recordId }) => encodeText(recordId).slice(0, 1_000))}::text[],
                  ${column(({ kind }) => kind)}::text[], ${column(({ side }) => side)}::text[],
                  ${column(({ detail }) => encodeText(detail).slice(0, 500))}::text[])
        AS r (collection_id, record_id, kind, side, detail)
      WHERE (SELECT count(*) FROM cairn.cutover_findings WHERE tenant_id = ${tenantId}::uuid) < ${MAX_FINDINGS}
      ON CONFLICT (tenant_id, collection_id, record_id, kind) DO UPDATE SET
        occurrences = f.occurrences + 1, last_at = now(), side = excluded.side, detail = excluded.detail,
        resolved_at = excluded.resolved_at`),
  );
}

/** Marks findings on these records as resolved, because the records are equal by now. */
export async function resolveFindings(
  database: Database,
  tenantId: string,
  { collectionId, recordIds }: { readonly collectionId: string; readonly recordIds: readonly string[] },
): Promise<void> {
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.cutover_findings SET resolved_at = now()
      WHERE tenant_id = ${tenantId}::uuid AND collection_id = ${collectionId}::uuid AND resolved_at IS NULL
        AND record_id = ANY(${sql.param(recordIds.map((id) => encodeText(id).slice(0, 1_000)))}::text[])`),
  );
}
