import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { sql } from "drizzle-orm";
import { isReplicated, nextPhase, PHASES, type Phase, previousPhase } from "../phase.ts";
import { COMPARISON_REQUESTED, type CutoverTenant } from "../tenants.ts";
import { changePhase } from "./change-phase.ts";
import type { Condition, ConditionLimits } from "./conditions.ts";
import { ensureCutoverTenant, requireCutoverTenant } from "./enrolled.ts";
import { type CutoverStatus, toStatus } from "./status.ts";

export interface AdvanceOptions {
  /** Name or id of the namespace whose names stand for the tenant's collections. Default: the only one. For the first phase. */
  readonly namespace?: string;
  /** Default: the next phase, except `done`, which has no way back. From `chroma` also `done`, for a tenant whose data Cairn has already. */
  readonly to?: Phase;
  /** Enters the phase although conditions are not met. They are recorded. Default false. */
  readonly force?: boolean;
  /** Limits of the conditions that differ from `CONDITION_DEFAULTS`. */
  readonly limits?: Partial<ConditionLimits>;
  /** Called before the phase is entered, with the conditions that `force` overrides. */
  readonly onOverride?: (conditions: readonly Condition[]) => void;
}

/**
 * Enters the tenant's next phase. Throws `invalid_input` with every condition that is not met, `not_found` for a namespace, and the
 * errors of `changePhase`.
 */
export async function advance(
  database: Database,
  nameOrId: string,
  { namespace, to: chosen, force = false, limits, onOverride }: AdvanceOptions = {},
): Promise<CutoverStatus> {
  const tenant = await ensureCutoverTenant(database, nameOrId, namespace);
  const { name, phase } = tenant;
  const status = await toStatus(database, tenant, limits);
  const to = nextPhase(phase);
  if (!to || !status.next)
    throw new AppError(
      "invalid_input",
      `The tenant ${JSON.stringify(name)} cannot advance: it is in the last phase, done.`,
    );
  if (chosen !== undefined && chosen !== to && !(phase === "chroma" && chosen === "done"))
    throw new AppError(
      "invalid_input",
      `The tenant ${JSON.stringify(name)} cannot enter ${chosen}: it is in the phase ${phase}, and the next one is ${to}.`,
      { path: "to" },
    );
  if (to === "done" && chosen === undefined)
    throw new AppError(
      "invalid_input",
      `The tenant ${JSON.stringify(name)} is in the phase cairn. Name the next one, done, because nobody goes back from there: Chroma is not called any more.`,
      { path: "to" },
    );
  const conditions = chosen === "done" && phase === "chroma" ? [ALREADY_MOVED] : status.next.conditions;
  const unmet = conditions.filter(({ met }) => !met);
  if (unmet.length > 0 && !force)
    throw new AppError(
      "invalid_input",
      `The tenant ${JSON.stringify(name)} cannot enter the phase ${chosen ?? to}: ${unmet.map(({ detail }) => detail).join(" ")} Wait until the conditions hold, or override them, which is recorded.`,
      { path: "force" },
    );
  if (unmet.length > 0) onOverride?.(unmet);
  await changePhase(database, tenant, { to: chosen ?? to, overridden: unmet.map((condition) => condition.name) });
  return readAfter(database, tenant);
}

/** For a tenant that was moved by a migration, or that Chroma never had. Nothing is compared, so it has to be confirmed. */
const ALREADY_MOVED = {
  name: "already_moved",
  met: false,
  detail: "Whether Cairn has all data of the tenant is not checked without the phases between.",
};

export interface BackOptions {
  /** Default: the phase before. */
  readonly to?: Phase;
  /** Goes from `done` to `chroma`, after the tenant's data was written back to Chroma. Default false. */
  readonly force?: boolean;
}

/**
 * Goes back to the phase before, or to an earlier one. Throws `invalid_input` for a phase that is not earlier, and the errors of
 * `changePhase`.
 */
export async function back(
  database: Database,
  nameOrId: string,
  { to: chosen, force = false }: BackOptions = {},
): Promise<CutoverStatus> {
  const tenant = await requireCutoverTenant(database, nameOrId);
  const { name, phase } = tenant;
  const to = chosen ?? previousPhase(phase);
  if (to === undefined || PHASES.indexOf(to) >= PHASES.indexOf(phase))
    throw new AppError(
      "invalid_input",
      `The tenant ${JSON.stringify(name)} cannot go back to ${to ?? "an earlier phase"}: it is in the phase ${phase}.`,
      { path: "to" },
    );
  if (phase === "done" && !(force && to === "chroma"))
    throw new AppError(
      "invalid_input",
      `The tenant ${JSON.stringify(name)} cannot go back: Chroma has not been called since the phase done began, so it lacks what was written since. Write the tenant's data back to Chroma with a migration in that direction, and then go back to the phase chroma with force.`,
      { path: "to" },
    );
  // Chroma has to decide again, with the replica, before it can go on alone.
  if (phase === "cairn" && to !== "shadow") await changePhase(database, tenant, { to: "shadow", overridden: [] });
  const current = await requireCutoverTenant(database, nameOrId);
  if (current.phase !== to) await changePhase(database, current, { to, overridden: [] });
  return readAfter(database, tenant);
}

/** Requests a comparison of all records, which a gateway then makes. Throws `invalid_input` in a phase without a replica. */
export async function requestComparison(database: Database, nameOrId: string): Promise<CutoverStatus> {
  const tenant = await requireCutoverTenant(database, nameOrId);
  const { tenantId, name, phase } = tenant;
  if (!isReplicated(phase))
    throw new AppError(
      "invalid_input",
      `The tenant ${JSON.stringify(name)} cannot be compared: it is in the phase ${phase}, in which one side does not follow the other.`,
    );
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.cutover_tenants SET compared = jsonb_set(compared, '{finishedAt}', to_jsonb(${COMPARISON_REQUESTED}::text))
      WHERE tenant_id = ${tenantId}::uuid AND compared IS NOT NULL`),
  );
  return readAfter(database, tenant);
}

async function readAfter(database: Database, { tenantId }: CutoverTenant): Promise<CutoverStatus> {
  return toStatus(database, await requireCutoverTenant(database, tenantId));
}
