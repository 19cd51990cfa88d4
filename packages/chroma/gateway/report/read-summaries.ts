import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { Phase } from "../phase.ts";
import { type OutcomeRow, summarizeReads } from "../shadow/statistics/results.ts";
import type { Journal, TenantSummary, WriteCount } from "./report.ts";

interface SummaryOptions {
  readonly tenantIds: readonly string[] | undefined;
  readonly since: Date;
}

interface TenantRow {
  readonly tenant_id: string;
  readonly name: string;
  readonly phase: Phase;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly depth: number;
  readonly oldest_seconds: number | null;
  readonly failing: number;
  readonly open_findings: number;
}

interface CountRow extends OutcomeRow {
  readonly tenant_id: string;
  readonly is_write: boolean;
}

/** A row for each tenant of the cut-over, in no particular order. */
export async function readSummaries(
  database: Database,
  { tenantIds, since }: SummaryOptions,
): Promise<readonly TenantSummary[]> {
  const isSelected = tenantIds ? sql`tenant_id = ANY(${sql.param(tenantIds)}::uuid[])` : sql`true`;
  return asAdmin(database, async ({ orm }) => {
    const tenants = await orm.selectRows<TenantRow>(sql`
      SELECT c.tenant_id, left(t.name, 200) AS name, phase, extract(epoch FROM since)::float8 * 1000 AS since,
        coalesce(depth, 0)::float8 AS depth, extract(epoch FROM now() - oldest)::float8 AS oldest_seconds,
        coalesce(failing, 0)::float8 AS failing, coalesce(open_findings, 0)::float8 AS open_findings
      FROM (SELECT * FROM cairn.cutover_tenants WHERE ${isSelected}) AS c
      JOIN cairn.tenants AS t ON t.id = c.tenant_id
      LEFT JOIN (
        SELECT tenant_id, count(*) AS depth, min(created_at) AS oldest, count(*) FILTER (WHERE attempts > 0) AS failing
        FROM cairn.changes WHERE ${isSelected} GROUP BY tenant_id) AS journal ON journal.tenant_id = c.tenant_id
      LEFT JOIN (
        SELECT tenant_id, count(*) AS open_findings
        FROM cairn.cutover_findings WHERE resolved_at IS NULL AND ${isSelected} GROUP BY tenant_id) AS findings ON findings.tenant_id = c.tenant_id`);
    const counts = await orm.selectRows<CountRow>(sql`
      SELECT tenant_id, is_write, side, outcome, sum(count)::float8 AS requests, jsonb_agg(count ORDER BY bucket) AS latency
      FROM (
        SELECT tenant_id, kind = 'write' AS is_write, side, outcome, bucket, sum(count) AS count
        FROM cairn.cutover_requests, unnest(latency) WITH ORDINALITY AS bucket (count, bucket)
        WHERE ${isSelected} AND minute >= ${since.toISOString()}::timestamptz
        GROUP BY tenant_id, is_write, side, outcome, bucket) AS buckets
      GROUP BY tenant_id, is_write, side, outcome`);
    const byTenant = Map.groupBy(counts, ({ tenant_id }) => tenant_id);
    return tenants.map((row) => toSummary(row, byTenant.get(row.tenant_id) ?? []));
  });
}

function toSummary(row: TenantRow, counts: readonly CountRow[]): TenantSummary {
  const journal: Journal = { depth: row.depth, oldestSeconds: row.oldest_seconds, failing: row.failing };
  const writes = counts.filter(({ is_write }) => is_write);
  return {
    tenantId: row.tenant_id,
    name: row.name,
    phase: row.phase,
    since: new Date(row.since).toISOString(),
    reads: summarizeReads(counts.filter(({ is_write }) => !is_write)),
    writes: writes.map(({ side, outcome, requests }) => ({ side, outcome, requests }) as WriteCount),
    journal,
    openFindings: row.open_findings,
  };
}
