import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import { nextPhase, type Phase } from "../phase.ts";
import { readJournalState } from "../replicate/changes.ts";
import { readShadowResults } from "../shadow/statistics/results.ts";
import { type CutoverTenant, findCutoverTenant } from "../tenants.ts";
import { CONDITION_DEFAULTS, type Condition, type ConditionLimits, readConditions } from "./conditions.ts";
import type { CutoverState } from "./state.ts";

/** Where a tenant is on its way, and what the next phase requires. */
export interface CutoverStatus extends CutoverState {
  /** Null: the last phase. */
  readonly next: { readonly phase: Phase; readonly conditions: readonly Condition[] } | null;
}

/** The status of one tenant. Undefined: Cairn does not have it, so it is in Chroma. `limits`: see `toStatus`. */
export async function readStatus(
  database: Database,
  nameOrId: string,
  limits?: Partial<ConditionLimits>,
): Promise<CutoverStatus | undefined> {
  const tenant = await findCutoverTenant(database, nameOrId);
  return tenant && toStatus(database, tenant, limits);
}

/** `limits`: of the conditions, where they differ from the defaults. */
export async function toStatus(
  database: Database,
  tenant: CutoverTenant,
  limits: Partial<ConditionLimits> = {},
): Promise<CutoverStatus> {
  const { tenantId: id, name, phase, since, settings, compared } = tenant;
  const [journal, findings] = await asAdmin(database, async ({ orm }) => [
    await readJournalState(orm, id),
    await orm.selectRows<{ kind: string; count: number }>(sql`
      SELECT kind, count(*)::float8 AS count FROM cairn.cutover_findings
      WHERE tenant_id = ${id}::uuid AND resolved_at IS NULL GROUP BY kind`),
  ]);
  const reads = await readShadowResults(database, id, { since: since ?? new Date(0) });
  const state = {
    tenant: { id, name },
    phase,
    since,
    settings,
    journal,
    compared,
    findings: Object.fromEntries(findings.map(({ kind, count }) => [kind, count])),
    reads,
  };
  const next = nextPhase(phase);
  const conditions = await readConditions(database, state, { ...CONDITION_DEFAULTS, ...limits });
  return { ...state, next: next ? { phase: next, conditions } : null };
}
