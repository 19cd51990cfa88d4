import { CONDITION_DEFAULTS, type ConditionLimits } from "@cairn/chroma/gateway/cutover/conditions.ts";
import { type AdvanceOptions, advance, requestComparison } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { findTenantsInChroma } from "@cairn/chroma/gateway/cutover/find-tenants.ts";
import { listStatus } from "@cairn/chroma/gateway/cutover/list.ts";
import { type CutoverStatus, readStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import type { Phase } from "@cairn/chroma/gateway/phase.ts";
import { COMPARISON_REQUESTED } from "@cairn/chroma/gateway/tenants.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import { type Command, Option } from "commander";
import type { CommandContext } from "../../command-context.ts";
import { EXIT } from "../../exit.ts";
import { withServices } from "../../open.ts";
import { followUp } from "../../terminal/command-line.ts";
import { count } from "../../terminal/counts.ts";
import { printJson, visible } from "../../terminal/print.ts";
import { addScopeOptions, addServerOptions, type ServerFlags, sourceOptions } from "../options.ts";
import { eachTenant, printFailed, type TenantResults } from "./each-tenant.ts";
import {
  addLimitOptions,
  addTenantOptions,
  chosenTenant,
  type LimitFlags,
  limitsOf,
  type TenantFlags,
} from "./options.ts";
import { showWaiting } from "./show-waiting.ts";
import { describeCondition } from "./status.ts";

interface AdvanceFlags extends TenantFlags, LimitFlags, Omit<ServerFlags, "chroma"> {
  readonly namespace?: string;
  readonly to?: Phase;
  readonly force?: boolean;
  readonly wait?: boolean;
  readonly chroma?: string;
  readonly chromaTenant?: readonly string[];
  readonly chromaDatabase?: readonly string[];
}

/** Adds `cairn cutover advance`. */
export function addAdvance(cutover: Command, context: CommandContext): void {
  const all =
    "all tenants: those with collections at --chroma, or else those that are enrolled; done only with --to done";
  const command = addTenantOptions(cutover.command("advance").description("Enter the next phase"), all)
    .option("--namespace <name-or-id>", "namespace of the tenant's names (for the first phase; default: the only one)")
    .addOption(
      new Option(
        "--to <phase>",
        "phase to enter (default: the next one; done has to be named, because it has no way back)",
      ).choices(["mirror", "shadow", "cairn", "done"]),
    )
    .option("--wait", "wait until the conditions hold")
    .option("--force", "enter the phase although conditions are not met; it is recorded which")
    .option("--chroma <url>", "with --all: Chroma server whose tenants enter their first phase");
  addLimitOptions(addScopeOptions(addServerOptions(command))).action((flags: AdvanceFlags, self: Command) =>
    withServices(self, async ({ database }, { json }) => {
      assertUsable(flags);
      const tenant = chosenTenant(flags, self);
      if (tenant === undefined) return advanceAll(database, flags, { command: self, context, json });
      const status = await advanceOne(database, flags, { tenant, context, quiet: json });
      if (json) return printJson(status);
      console.log(describeEntered(status));
      console.log(`Next: ${followUp(self, ["cutover", "status", "--tenant", status.tenant.name])}`);
    }),
  );
}

function assertUsable({ all, chroma, wait, force }: AdvanceFlags): void {
  if (chroma !== undefined && !all)
    throw new AppError("invalid_input", "--chroma finds the tenants of --all. Omit it, or set --all.", {
      path: "--chroma",
    });
  if (wait && force)
    throw new AppError("invalid_input", "--force does not wait for conditions. Omit it, or omit --wait.", {
      path: "--force",
    });
}

interface OneOptions {
  readonly tenant: string;
  readonly context: CommandContext;
  readonly quiet: boolean;
}

/** Enters the next phase of a tenant, after its conditions hold if `--wait` is set. */
async function advanceOne(
  database: Database,
  flags: AdvanceFlags,
  { tenant, context, quiet }: OneOptions,
): Promise<CutoverStatus> {
  const progress = showWaiting({ quiet });
  try {
    for (;;) {
      const entered = await attempt(database, flags, { tenant, onWait: progress.show });
      if (entered) return entered;
      await progress.pause(context.signal);
    }
  } finally {
    progress.stop();
  }
}

interface AttemptOptions {
  readonly tenant: string;
  readonly onWait: (status: CutoverStatus) => void;
}

/** Undefined: with `--wait`, the conditions do not hold yet. */
async function attempt(
  database: Database,
  flags: AdvanceFlags,
  { tenant, onWait }: AttemptOptions,
): Promise<CutoverStatus | undefined> {
  const { namespace, to, force } = flags;
  const limits = limitsOf(flags);
  const options: AdvanceOptions = {
    namespace,
    to,
    force,
    limits,
    onOverride: (unmet) => printOverridden(tenant, unmet),
  };
  const status = flags.wait ? await readStatus(database, tenant, limits) : undefined;
  if (!status?.next || !canWait(status.next, to)) return advance(database, tenant, options);
  onWait(status);
  // The gateway does so by itself after its own time limit, which `--settle` may exceed.
  if (isSettled(status, limits)) await requestComparison(database, tenant);
  return undefined;
}

/** Whether conditions of the phase to enter do not hold, and time can change that. A phase that cannot be entered is not waited for. */
function canWait({ phase, conditions }: NonNullable<CutoverStatus["next"]>, to: Phase | undefined): boolean {
  const isNext = to === undefined ? phase !== "done" : to === phase;
  const unmet = conditions.filter(({ met }) => !met);
  return isNext && unmet.length > 0 && !unmet.some(({ name }) => name === "no_local_changes");
}

/** Whether the last comparison began too early to count, and another one would count by now. */
function isSettled(
  { phase, since, compared }: CutoverStatus,
  { settleMs = CONDITION_DEFAULTS.settleMs }: Partial<ConditionLimits>,
): boolean {
  if (phase !== "mirror" || !since || !compared || compared.finishedAt === COMPARISON_REQUESTED) return false;
  const settledAt = since.getTime() + settleMs;
  return Date.now() >= settledAt && Date.parse(compared.startedAt) < settledAt;
}

function printOverridden(tenant: string, unmet: Parameters<NonNullable<AdvanceOptions["onOverride"]>>[0]): void {
  console.error(`${visible(tenant)}: overridden, and recorded as such:`);
  for (const condition of unmet) console.error(`  ${describeCondition(condition)}`);
}

function describeEntered({ tenant, phase }: CutoverStatus): string {
  return `${visible(tenant.name)} is in the phase ${phase}.`;
}

interface AllOptions {
  readonly command: Command;
  readonly context: CommandContext;
  readonly json: boolean;
}

async function advanceAll(database: Database, flags: AdvanceFlags, { command, context, json }: AllOptions) {
  const { tenants, leftOut } = await chooseTenants(database, flags);
  const progress = showWaiting({ quiet: json });
  const results = await eachTenant(tenants, {
    command,
    signal: context.signal,
    work: (tenant) => attempt(database, flags, { tenant, onWait: progress.show }),
  }).finally(progress.stop);
  if (json) printJson({ advanced: results.done, failed: results.failed, leftOut });
  else printResults(results, leftOut);
  if (results.failed.length > 0) context.finish(EXIT.failure);
}

/** The tenants that can enter the phase, and those that are in another one. */
async function chooseTenants(database: Database, flags: AdvanceFlags) {
  const enrolled = await listStatus(database);
  const chosen =
    flags.chroma === undefined ? undefined : await findTenants(database, { ...flags, chroma: flags.chroma });
  const to = flags.to ?? (chosen ? "mirror" : undefined);
  const tenants: string[] = [];
  const leftOut: string[] = [];
  for (const name of chosen ?? enrolled.map(({ tenant }) => tenant.name)) {
    const known = enrolled.find(({ tenant }) => tenant.name === name || tenant.id === name);
    const next = known ? known.next : "mirror";
    const isChosen = to === undefined ? next !== null && next !== "done" : next === to;
    (isChosen ? tenants : leftOut).push(name);
  }
  return { tenants, leftOut };
}

async function findTenants(database: Database, flags: AdvanceFlags & ServerFlags): Promise<readonly string[]> {
  const source = await openSource(sourceOptions(flags));
  const scope = { tenants: flags.chromaTenant, databases: flags.chromaDatabase };
  const { tenants, unnamed } = await findTenantsInChroma(database, source, { namespace: flags.namespace, scope });
  if (unnamed.length > 0)
    console.error(
      `${count(unnamed.length, "collection")} of Chroma ${unnamed.length === 1 ? "has" : "have"} no tenant in the namespace: ${unnamed
        .slice(0, 5)
        .map((path) => visible(path))
        .join(", ")}${unnamed.length > 5 ? ", …" : ""}`,
    );
  return tenants;
}

function printResults({ done, failed }: TenantResults<CutoverStatus>, leftOut: readonly string[]): void {
  for (const status of done) console.log(describeEntered(status));
  printFailed(failed);
  console.log(
    `${count(done.length, "tenant")} advanced, ${failed.length} failed, ${leftOut.length} left out because they are in another phase.`,
  );
}
