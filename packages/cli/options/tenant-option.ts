import { type Command, type CommandOptions, Option } from "commander";

/** Adds `--tenant`, which every command for one tenant has. */
export function addTenantOption(command: Command): Command {
  return command.addOption(
    new Option("--tenant <name-or-id>", "tenant (optional if there is only one)").env("CAIRN_TENANT"),
  );
}

/** Adds a command for one tenant. */
export function addTenantCommand(
  parent: Command,
  nameAndArguments: string,
  { description, ...options }: CommandOptions & { readonly description: string },
): Command {
  return addTenantOption(parent.command(nameAndArguments, options).description(description));
}
