import type { Database } from "@cairn/core/database/database.ts";
import { ADMIN_SETTINGS } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import { nextPhase, type Phase } from "../phase.ts";
import type { ComparedResult, CutoverSettings } from "../tenants.ts";
import type { CutoverStatus } from "./status.ts";

/** A tenant of the cut-over in one row. */
export interface CutoverSummary extends Pick<CutoverStatus, "tenant" | "phase" | "settings" | "compared"> {
  readonly since: Date;
  readonly journal: Pick<CutoverStatus["journal"], "changes" | "failing" | "oldestSeconds">;
  /** Findings that are not resolved. */
  readonly findings: number;
  /** Compared reads since the phase began. `agreement`: 0 to 1; null: none was compared. */
  readonly reads: Pick<CutoverStatus["reads"], "compared" | "agreement">;
  /** Null: the last phase. */
  readonly next: Phase | null;
}

interface Row {
  readonly tenant_id: string;
  readonly name: string;
  readonly phase: Phase;
  readonly since: Date | string;
  readonly settings: CutoverSettings;
  readonly compared: ComparedResult | null;
  readonly changes: number;
  readonly failing: number;
  readonly oldest_seconds: number | null;
  readonly findings: number;
  readonly reads: number;
  readonly agreed: number;
}

/** The tenants that have left Chroma at some time, by name. One statement, whatever their number. */
export async function listStatus(database: Database): Promise<readonly CutoverSummary[]> {
  const [rows = []] = await database.read([SELECT_SUMMARIES], {
    settings: ADMIN_SETTINGS,
  });
  return (rows as readonly Row[]).map(toSummary);
}

const SELECT_SUMMARIES = sql`
  SELECT c.tenant_id, t.name, c.phase, c.since, c.settings, c.compared,
         coalesce(j.changes, 0)::float8 AS changes, coalesce(j.failing, 0)::float8 AS failing,
         extract(epoch FROM now() - j.oldest)::float8 AS oldest_seconds, coalesce(f.findings, 0)::float8 AS findings,
         coalesce(r.reads, 0)::float8 AS reads, coalesce(r.agreed, 0)::float8 AS agreed
  FROM cairn.cutover_tenants AS c JOIN cairn.tenants AS t ON t.id = c.tenant_id
  LEFT JOIN (
    SELECT tenant_id, count(*) AS changes, count(*) FILTER (WHERE attempts > 0) AS failing, min(created_at) AS oldest
    FROM cairn.changes GROUP BY tenant_id) AS j ON j.tenant_id = c.tenant_id
  LEFT JOIN (
    SELECT tenant_id, count(*) AS findings FROM cairn.cutover_findings
    WHERE resolved_at IS NULL GROUP BY tenant_id) AS f ON f.tenant_id = c.tenant_id
  LEFT JOIN (
    SELECT r.tenant_id, sum(requests) AS reads, sum(requests) FILTER (WHERE outcome <> 'differed') AS agreed
    FROM cairn.cutover_requests AS r JOIN cairn.cutover_tenants AS c ON c.tenant_id = r.tenant_id
    WHERE kind <> 'write' AND side = 'chroma' AND outcome IN ('agreed', 'missed', 'differed')
      AND minute >= date_trunc('minute', c.since)
    GROUP BY r.tenant_id) AS r ON r.tenant_id = c.tenant_id
  ORDER BY t.name`;

function toSummary(row: Row): CutoverSummary {
  return {
    tenant: { id: row.tenant_id, name: row.name },
    phase: row.phase,
    since: new Date(row.since),
    settings: row.settings,
    compared: row.compared,
    journal: { changes: row.changes, failing: row.failing, oldestSeconds: row.oldest_seconds },
    findings: row.findings,
    reads: { compared: row.reads, agreement: row.reads === 0 ? null : row.agreed / row.reads },
    next: nextPhase(row.phase) ?? null,
  };
}
