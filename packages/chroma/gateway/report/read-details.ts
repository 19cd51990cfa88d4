import type { Database, Orm } from "@cairn/core/database/database.ts";
import { decodeText } from "@cairn/core/database/text.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { type SQL, sql } from "drizzle-orm";
import type { ComparedResult } from "../tenants.ts";
import { readDisagreements } from "./read-disagreements.ts";
import type { FindingRow, PhaseEvent, SeriesPoint, TenantDetail } from "./report.ts";
import { isoTime } from "./time.ts";

export interface DetailOptions {
  readonly tenantIds: readonly string[];
  readonly since: Date;
  readonly stepMinutes: number;
}

/** Rows of a tenant in each list. */
const MAX_ROWS = 50;

/** A row of one tenant. `total`: rows of the tenant, if the list is limited. */
type Of<Row> = Row & { readonly tenantId: string; readonly total: number };

/** The details of these tenants, in the same order. */
export async function readDetails(database: Database, options: DetailOptions): Promise<readonly TenantDetail[]> {
  return asAdmin(database, async ({ orm }) => {
    const tenants = sql`${sql.param(options.tenantIds)}::uuid[]`;
    const series = await readSeries(orm, tenants, options);
    const findings = await readFindings(orm, tenants);
    const events = await readEvents(orm, tenants);
    const comparisons = await readComparisons(orm, tenants);
    const disagreements = await readDisagreements(orm, tenants);
    return options.tenantIds.map((tenantId) => ({
      tenantId,
      series: rowsOf(series, tenantId),
      findings: rowsOf(findings, tenantId),
      findingCount: findings.get(tenantId)?.[0]?.total ?? 0,
      events: rowsOf(events, tenantId),
      comparison: comparisons.get(tenantId)?.[0]?.compared ?? null,
      disagreements: rowsOf(disagreements, tenantId),
      disagreementCount: disagreements.get(tenantId)?.[0]?.total ?? 0,
    }));
  });
}

function rowsOf<Row>(rows: ReadonlyMap<string, readonly Of<Row>[]>, tenantId: string): readonly Row[] {
  return (rows.get(tenantId) ?? []).map(({ tenantId: _, total: __, ...row }) => row as Row);
}

async function readSeries(orm: Orm, tenants: SQL, { since, stepMinutes }: DetailOptions) {
  const countOf = (outcome: string) =>
    sql`coalesce(sum(requests) FILTER (WHERE outcome = ${outcome}::text), 0)::float8`;
  const step = sql`date_bin(make_interval(mins => ${stepMinutes}::int), minute, '2000-01-01T00:00:00Z')`;
  const rows = await orm.selectRows<Of<SeriesPoint>>(sql`
    SELECT tenant_id AS "tenantId", ${isoTime(sql`step`)} AS at,
      ${countOf("agreed")} AS agreed, ${countOf("missed")} AS missed, ${countOf("differed")} AS differed
    FROM (SELECT *, ${step} AS step FROM cairn.cutover_requests
          WHERE tenant_id = ANY(${tenants}) AND kind <> 'write' AND side = 'chroma'
            AND outcome IN ('agreed', 'missed', 'differed') AND minute >= ${since.toISOString()}::timestamptz) AS read
    GROUP BY tenant_id, step ORDER BY tenant_id, step`);
  return Map.groupBy(rows, ({ tenantId }) => tenantId);
}

async function readFindings(orm: Orm, tenants: SQL) {
  const rows = await orm.selectRows<Of<FindingRow>>(sql`
    SELECT tenant_id AS "tenantId", total::float8 AS total, coalesce(left(name, 200), collection_id::text) AS collection,
      left(record_id, 500) AS "recordId", kind, side, left(detail, 500) AS detail, occurrences,
      ${isoTime(sql`first_at`)} AS "firstAt", ${isoTime(sql`last_at`)} AS "lastAt", ${isoTime(sql`resolved_at`)} AS "resolvedAt"
    FROM (SELECT *, count(*) OVER tenant AS total,
            row_number() OVER (tenant ORDER BY (resolved_at IS NOT NULL), last_at DESC, record_id) AS place
          FROM cairn.cutover_findings WHERE tenant_id = ANY(${tenants}) WINDOW tenant AS (PARTITION BY tenant_id)) AS finding
    LEFT JOIN cairn.cutover_collections USING (tenant_id, collection_id)
    WHERE place <= ${MAX_ROWS}::int ORDER BY tenant_id, place`);
  const findings = rows.map(({ collection, recordId, detail, ...row }) => {
    const texts = { collection: decodeText(collection), recordId: decodeText(recordId), detail: decodeText(detail) };
    return { ...row, ...texts };
  });
  return Map.groupBy(findings, ({ tenantId }) => tenantId);
}

async function readEvents(orm: Orm, tenants: SQL) {
  const rows = await orm.selectRows<Of<PhaseEvent>>(sql`
    SELECT tenant_id AS "tenantId", ${isoTime(sql`at`)} AS at, from_phase AS "from", to_phase AS "to", overridden
    FROM (SELECT *, row_number() OVER (PARTITION BY tenant_id ORDER BY at DESC) AS place
          FROM cairn.cutover_events WHERE tenant_id = ANY(${tenants})) AS event
    WHERE place <= ${MAX_ROWS}::int ORDER BY tenant_id, place`);
  const events = rows.map((row) => ({ ...row, overridden: row.overridden.map(decodeText) }));
  return Map.groupBy(events, ({ tenantId }) => tenantId);
}

async function readComparisons(orm: Orm, tenants: SQL) {
  const rows = await orm.selectRows<{ readonly tenantId: string; readonly compared: ComparedResult | null }>(sql`
    SELECT tenant_id AS "tenantId", compared FROM cairn.cutover_tenants WHERE tenant_id = ANY(${tenants})`);
  return Map.groupBy(rows, ({ tenantId }) => tenantId);
}
