import { requestComparison } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { listStatus } from "@cairn/chroma/gateway/cutover/list.ts";
import { type CutoverStatus, readStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import { isReplicated } from "@cairn/chroma/gateway/phase.ts";
import { COMPARISON_REQUESTED } from "@cairn/chroma/gateway/tenants.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Command } from "commander";
import type { CommandContext } from "../../command-context.ts";
import { EXIT } from "../../exit.ts";
import { withServices } from "../../open.ts";
import { followUp } from "../../terminal/command-line.ts";
import { printJson, visible } from "../../terminal/print.ts";
import { describeCompared } from "./describe.ts";
import { eachTenant, printFailed } from "./each-tenant.ts";
import { addTenantOptions, chosenTenant, type TenantFlags } from "./options.ts";

interface CompareFlags extends TenantFlags {
  readonly wait?: boolean;
}

const DESCRIPTION = "Request a comparison of all records, which a gateway then makes; it copies what differs";

/** Adds `cairn cutover compare`. */
export function addCompare(cutover: Command, context: CommandContext): void {
  addTenantOptions(cutover.command("compare").description(DESCRIPTION), "all tenants with a replica")
    .option("--wait", "wait for the result; exit code 3: one side cannot hold some records, 4: not identical")
    .action((flags: CompareFlags, command: Command) =>
      withServices(command, async ({ database }, { json }) => {
        const chosen = chosenTenant(flags, command);
        const tenants = chosen === undefined ? await replicatedTenants(database) : [chosen];
        for (const tenant of chosen === undefined ? [] : tenants) await requestComparison(database, tenant);
        const requested = new Set<string>(chosen === undefined ? [] : tenants);
        const { done, failed } = await eachTenant(tenants, {
          command,
          signal: context.signal,
          async work(tenant) {
            if (!requested.has(tenant)) await requestComparison(database, tenant);
            requested.add(tenant);
            const status = await requireStatus(database, tenant);
            return flags.wait && !hasResult(status) ? undefined : status;
          },
        });
        if (json) printJson(chosen === undefined ? { compared: done, failed } : done[0]);
        else printCompared(done, command, flags);
        printFailed(json ? [] : failed);
        context.finish(failed.length > 0 ? EXIT.failure : flags.wait ? exitCodeOf(done) : EXIT.done);
      }),
    );
}

async function replicatedTenants(database: Database): Promise<readonly string[]> {
  return (await listStatus(database)).filter(({ phase }) => isReplicated(phase)).map(({ tenant }) => tenant.name);
}

async function requireStatus(database: Database, tenant: string): Promise<CutoverStatus> {
  const status = await readStatus(database, tenant);
  if (!status) throw new AppError("not_found", `There is no tenant ${JSON.stringify(tenant)} any more.`);
  if (isReplicated(status.phase)) return status;
  throw new AppError("run_held", `The tenant ${JSON.stringify(tenant)} has left its phase, so nothing is compared.`);
}

function hasResult({ compared }: CutoverStatus): boolean {
  return compared !== null && compared.finishedAt !== COMPARISON_REQUESTED;
}

function printCompared(statuses: readonly CutoverStatus[], command: Command, { wait }: CompareFlags): void {
  for (const { tenant, compared } of statuses) {
    console.log(`${visible(tenant.name)}: ${describeCompared(compared)}`);
    if (compared && wait)
      console.log(
        `  ${compared.written} copied, ${compared.deleted} deleted, ${compared.refused} refused by one side, ${compared.bypassed} changed without the gateway`,
      );
  }
  const [only] = statuses;
  if (only && !wait && statuses.length === 1)
    console.log(`Next: ${followUp(command, ["cutover", "status", "--tenant", only.tenant.name])}`);
}

function exitCodeOf(statuses: readonly CutoverStatus[]): number {
  if (statuses.some(({ compared }) => !compared?.identical)) return EXIT.notIdentical;
  return statuses.some(({ compared }) => (compared?.refused ?? 0) > 0) ? EXIT.exceptions : EXIT.done;
}
