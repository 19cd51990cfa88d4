import { type Command, Option } from "commander";

/** Adds `--tenant`, which every command for one tenant has. */
export function addTenantOption(command: Command): Command {
  return command.addOption(
    new Option("--tenant <name-or-id>", "tenant (optional if there is only one)").env("CAIRN_TENANT"),
  );
}
