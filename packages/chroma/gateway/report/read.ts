import type { Database } from "@cairn/core/database/database.ts";
import { readDetails } from "./read-details.ts";
import { readSummaries } from "./read-summaries.ts";
import type { CutoverReport, TenantSummary } from "./report.ts";

export interface CutoverReportOptions {
  /** Default: all tenants of the cut-over. */
  readonly tenantIds?: readonly string[];
  /** Hours until now of which requests are counted. */
  readonly hours: number;
}

/** Tenants with details. The others are rows of a table. */
const MAX_DETAILS = 200;

/** The state of the cut-over of these tenants. Those that need attention come first. */
export async function readCutoverReport(
  database: Database,
  { tenantIds, hours }: CutoverReportOptions,
): Promise<CutoverReport> {
  const now = new Date();
  const range = { now, since: new Date(now.getTime() - hours * 3_600_000), stepMinutes: stepOf(hours) };
  const tenants = (await readSummaries(database, { ...range, tenantIds })).toSorted(compareTenants);
  const detailed = tenants.slice(0, MAX_DETAILS).map(({ tenantId }) => tenantId);
  const details = await readDetails(database, { ...range, tenantIds: detailed });
  return { createdAt: now.toISOString(), hours, stepMinutes: range.stepMinutes, tenants, details };
}

/** Minutes of a step, so that a time series has at most 180 of them: a minute for three hours, an hour for a week. */
const STEPS = [1, 5, 15, 60, 360];
const MAX_POINTS = 180;

function stepOf(hours: number): number {
  return STEPS.find((minutes) => (hours * 60) / minutes <= MAX_POINTS) ?? 1_440;
}

function compareTenants(a: TenantSummary, b: TenantSummary): number {
  return Number(needsAttention(b)) - Number(needsAttention(a)) || byName(a, b);
}

function byName(a: TenantSummary, b: TenantSummary): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.tenantId < b.tenantId ? -1 : 1;
}

/**
 * Whether a person should look at a tenant: a read differed or failed, a change could not be replicated, or a finding is
 * open.
 */
export function needsAttention({ reads, journal, openFindings }: TenantSummary): boolean {
  return reads.differed > 0 || reads.failed > 0 || journal.failing > 0 || openFindings > 0;
}
