import { listStatus } from "@cairn/chroma/gateway/cutover/list.ts";
import { changeSettings, type SettingsChange } from "@cairn/chroma/gateway/cutover/settings.ts";
import type { CutoverSettings } from "@cairn/chroma/gateway/tenants.ts";
import { type Command, Option } from "commander";
import type { CommandContext } from "../../command-context.ts";
import { EXIT } from "../../exit.ts";
import { withServices } from "../../open.ts";
import { printJson, visible } from "../../terminal/print.ts";
import { eachTenant, printFailed } from "./each-tenant.ts";
import { addTenantOptions, chosenTenant, parseShare, type TenantFlags } from "./options.ts";

interface SettingsFlags extends TenantFlags {
  readonly strict?: "on" | "off";
  readonly sample?: number | "default";
}

/** Adds `cairn cutover settings`. */
export function addSettings(cutover: Command, context: CommandContext): void {
  const command = cutover.command("settings").description("Show or change the settings of a tenant's cut-over");
  addTenantOptions(command, "all tenants that have left Chroma at some time")
    .addOption(
      new Option(
        "--strict <on|off>",
        "answer a write that Chroma has accepted only when Cairn has it, and 503 if that takes longer than 5 s",
      ).choices(["on", "off"]),
    )
    .option(
      "--sample <share>",
      "share of the reads that are compared in the phase shadow, 0 to 1, or `default`",
      (text: string) => (text === "default" ? text : parseShare(text)),
    )
    .action((flags: SettingsFlags, self: Command) =>
      withServices(self, async ({ database }, { json }) => {
        const chosen = chosenTenant(flags, self);
        const change = toChange(flags);
        if (chosen !== undefined) {
          const settings = await changeSettings(database, chosen, change);
          if (json) printJson(settings);
          else printSettings(chosen, settings);
          return;
        }
        const { done, failed } = await eachTenant(
          (await listStatus(database)).map(({ tenant }) => tenant.name),
          {
            command: self,
            signal: context.signal,
            work: async (tenant) => ({ tenant, settings: await changeSettings(database, tenant, change) }),
          },
        );
        if (json) printJson({ settings: done, failed });
        else for (const { tenant, settings } of done) printSettings(tenant, settings);
        printFailed(json ? [] : failed);
        if (failed.length > 0) context.finish(EXIT.failure);
      }),
    );
}

function toChange({ strict, sample }: SettingsFlags): SettingsChange {
  return { strict: strict === undefined ? undefined : strict === "on", sample: sample === "default" ? null : sample };
}

function printSettings(tenant: string, { strict = false, sample }: CutoverSettings): void {
  console.log(`${visible(tenant)}: strict ${strict ? "on" : "off"}, sample ${sample ?? "default"}`);
}
