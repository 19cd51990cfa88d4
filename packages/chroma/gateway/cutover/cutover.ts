import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { getNamespace, listNamespaces } from "@cairn/core/tenant/namespace.ts";
import { ensureTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { nextPhase, PHASES, type Phase, previousPhase } from "../phase.ts";
import { type CutoverTenant, findCutoverTenant } from "../tenants.ts";
import { changePhase } from "./change-phase.ts";
import type { ConditionLimits } from "./conditions.ts";
import { type CutoverStatus, toStatus } from "./status.ts";

export interface AdvanceOptions {
  /** Name or id of the namespace whose names stand for the tenant's collections. Default: the only one. For the first phase. */
  readonly namespace?: string;
  /** Default: the next phase. From `chroma` also `done`, for a tenant whose data Cairn has already. */
  readonly to?: Phase;
  /** Enters the phase although conditions are not met. They are recorded. Default false. */
  readonly force?: boolean;
  /** Limits of the conditions that differ from `CONDITION_DEFAULTS`. */
  readonly limits?: Partial<ConditionLimits>;
}

/**
 * Enters the tenant's next phase. Throws `invalid_input` with every condition that is not met, `not_found` for a namespace, and the
 * errors of `changePhase`.
 */
export async function advance(
  database: Database,
  nameOrId: string,
  { namespace, to: chosen, force = false, limits }: AdvanceOptions = {},
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
  const conditions = chosen === "done" && phase === "chroma" ? [ALREADY_MOVED] : status.next.conditions;
  const unmet = conditions.filter(({ met }) => !met);
  if (unmet.length > 0 && !force)
    throw new AppError(
      "invalid_input",
      `The tenant ${JSON.stringify(name)} cannot enter the phase ${chosen ?? to}: ${unmet.map(({ detail }) => detail).join(" ")} Wait until the conditions hold, or override them, which is recorded.`,
      { path: "force" },
    );
  await changePhase(database, tenant, { to: chosen ?? to, overridden: unmet.map((condition) => condition.name) });
  return readAfter(database, tenant);
}

/** For a tenant that was moved by a migration, or that Chroma never had. Nothing is compared, so it has to be confirmed. */
const ALREADY_MOVED = {
  name: "already_moved",
  met: false,
  detail: "Whether Cairn has all data of the tenant is not checked without the phases between.",
};

/**
 * Goes back to the phase before, or to an earlier one. Throws `invalid_input` for a phase that is not earlier, and the errors of
 * `changePhase`.
 */
export async function back(
  database: Database,
  nameOrId: string,
  { to: chosen }: { readonly to?: Phase } = {},
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
  if (phase === "done")
    throw new AppError(
      "invalid_input",
      `The tenant ${JSON.stringify(name)} cannot go back: Chroma has not been called since the phase done began, so it lacks what was written since. Write the tenant's data back to Chroma with a migration in that direction first.`,
      { path: "to" },
    );
  // Chroma has to decide again, with the replica, before it can go on alone.
  if (phase === "cairn" && to !== "shadow") await changePhase(database, tenant, { to: "shadow", overridden: [] });
  const current = await requireCutoverTenant(database, nameOrId);
  if (current.phase !== to) await changePhase(database, current, { to, overridden: [] });
  return readAfter(database, tenant);
}

/** Requests a comparison of all records, which a gateway then makes. */
export async function requestComparison(database: Database, nameOrId: string): Promise<void> {
  const { tenantId } = await requireCutoverTenant(database, nameOrId);
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.cutover_tenants SET compared = jsonb_set(compared, '{finishedAt}', '"1970-01-01T00:00:00.000Z"')
      WHERE tenant_id = ${tenantId}::uuid AND compared IS NOT NULL`),
  );
}

async function readAfter(database: Database, { tenantId }: CutoverTenant): Promise<CutoverStatus> {
  return toStatus(database, await requireCutoverTenant(database, tenantId));
}

async function requireCutoverTenant(database: Database, nameOrId: string): Promise<CutoverTenant> {
  const tenant = await findCutoverTenant(database, nameOrId);
  if (tenant?.namespaceId) return tenant;
  throw new AppError(
    "not_found",
    `The tenant ${JSON.stringify(nameOrId)} is in the phase chroma and has not left it yet.`,
    {
      remedy: "list_tenants",
    },
  );
}

/** The tenant with a row of its own. Creates both if they are missing. */
async function ensureCutoverTenant(
  database: Database,
  nameOrId: string,
  namespace: string | undefined,
): Promise<CutoverTenant> {
  const existing = await findCutoverTenant(database, nameOrId);
  if (existing?.namespaceId) return existing;
  const { id: namespaceId } = await chooseNamespace(database, namespace);
  const { id: tenantId } = await ensureTenant(database, nameOrId);
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      INSERT INTO cairn.cutover_tenants (tenant_id, namespace_id, phase)
      VALUES (${tenantId}::uuid, ${namespaceId}::uuid, 'chroma') ON CONFLICT DO NOTHING`),
  );
  return (await findCutoverTenant(database, tenantId)) as CutoverTenant;
}

async function chooseNamespace(database: Database, nameOrId: string | undefined) {
  if (nameOrId !== undefined) return getNamespace(database, nameOrId);
  const all = await listNamespaces(database);
  const [only] = all;
  if (only && all.length === 1) return only;
  throw new AppError(
    "invalid_input",
    all.length === 0
      ? "The tenant cannot leave Chroma: there is no namespace, which says what Chroma's names stand for. Create one, and give its key to the application."
      : `The tenant cannot leave Chroma: name the namespace whose names stand for its collections, of ${all.map(({ name }) => name).join(", ")}.`,
    { path: "namespace" },
  );
}
