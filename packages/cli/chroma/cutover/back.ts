import { back } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { listStatus } from "@cairn/chroma/gateway/cutover/list.ts";
import { PHASES, type Phase } from "@cairn/chroma/gateway/phase.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { type Command, Option } from "commander";
import type { CommandContext } from "../../command-context.ts";
import { EXIT } from "../../exit.ts";
import { withServices } from "../../open.ts";
import { followUp } from "../../terminal/command-line.ts";
import { count } from "../../terminal/counts.ts";
import { printJson, visible } from "../../terminal/print.ts";
import { eachTenant, printFailed } from "./each-tenant.ts";
import { addTenantOptions, chosenTenant, type TenantFlags } from "./options.ts";

interface BackFlags extends TenantFlags {
  readonly to?: Phase;
  readonly force?: boolean;
}

/** Adds `cairn cutover back`. */
export function addBack(cutover: Command, context: CommandContext): void {
  const command = cutover
    .command("back")
    .description("Go back to the phase before, or to an earlier one; nothing is lost");
  addTenantOptions(command, "all tenants that are in a later phase than --to, except done")
    .addOption(
      new Option("--to <phase>", "phase to go back to (default: the one before)").choices([
        "chroma",
        "mirror",
        "shadow",
      ]),
    )
    .option("--force", "with --to chroma: from done, after cairn migrate --back has written the data to Chroma")
    .action((flags: BackFlags, self: Command) =>
      withServices(self, async ({ database }, { json }) => {
        const tenant = chosenTenant(flags, self);
        if (tenant === undefined) return backAll(database, flags, { command: self, context, json });
        const status = await back(database, tenant, { to: flags.to, force: flags.force });
        if (json) return printJson(status);
        console.log(`${visible(status.tenant.name)} is in the phase ${status.phase}.`);
        console.log(`Next: ${followUp(self, ["cutover", "status", "--tenant", status.tenant.name])}`);
      }),
    );
}

interface AllOptions {
  readonly command: Command;
  readonly context: CommandContext;
  readonly json: boolean;
}

async function backAll(database: Database, { to }: BackFlags, { command, context, json }: AllOptions): Promise<void> {
  const first = to ?? "chroma";
  const later = (await listStatus(database)).filter(
    ({ phase }) => phase !== "done" && PHASES.indexOf(phase) > PHASES.indexOf(first),
  );
  const tenants = later.map(({ tenant }) => tenant.name);
  const { done, failed } = await eachTenant(tenants, {
    command,
    signal: context.signal,
    work: (tenant) => back(database, tenant, { to }),
  });
  if (json) printJson({ back: done, failed });
  else {
    for (const { tenant, phase } of done) console.log(`${visible(tenant.name)} is in the phase ${phase}.`);
    printFailed(failed);
    console.log(`${count(done.length, "tenant")} went back, ${failed.length} failed.`);
  }
  if (failed.length > 0) context.finish(EXIT.failure);
}
