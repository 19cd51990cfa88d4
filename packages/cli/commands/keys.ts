import type { Services } from "@cairn/core/services.ts";
import { createApiKey, listApiKeys, revokeApiKey, rotateApiKey } from "@cairn/core/tenant/api-key.ts";
import { SCOPES } from "@cairn/core/tenant/scope.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { chooseTenant, withServices } from "../open.ts";
import { integerBetween } from "../options/integer.ts";
import { addKeyOptions, type KeyFlags, keyOptions } from "../options/key-options.ts";
import { addTenantCommand } from "../options/tenant-option.ts";
import { printKeys, printNewKey } from "../terminal/keys.ts";
import { printJson } from "../terminal/print.ts";

interface OwnerFlags {
  readonly tenant?: string;
  readonly operator?: boolean;
}

export function addKeys(program: Command, _: CommandContext): void {
  const keys = program.command("keys").description("Manage API keys");
  withOwner(keys, "list", { description: "List the keys without their secrets", isDefault: true }).action(
    (flags: OwnerFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        const all = await listApiKeys(services.database, await ownerOf(services, flags));
        if (json) return printJson(all);
        printKeys(all);
        if (all.length === 0) console.log("There is no key yet. Create one: cairn keys create");
      }),
  );
  const create = withOwner(keys, "create", { description: "Create a key; its secret is shown only once" });
  addKeyOptions(create, SCOPES).action((flags: OwnerFlags & KeyFlags, command: Command) =>
    withServices(command, async (services, { json }) => {
      const owner = await ownerOf(services, flags);
      printNewKey(await createApiKey(services.database, owner, keyOptions(flags, SCOPES)), json);
    }),
  );
  withOwner(keys, "rotate <id>", { description: "Replace a key by a new one" })
    .option("--grace <seconds>", "seconds for which the old key still works", integerBetween(0), 3600)
    .action((id: string, flags: OwnerFlags & { readonly grace: number }, command: Command) =>
      withServices(command, async (services, { json }) => {
        const owner = await ownerOf(services, flags);
        printNewKey(await rotateApiKey(services.database, owner, id, { grace: flags.grace }), json);
      }),
    );
  withOwner(keys, "revoke <id>", { description: "Revoke a key; it is refused within a minute" }).action(
    (id: string, flags: OwnerFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        const revoked = await revokeApiKey(services.database, await ownerOf(services, flags), id);
        if (json) printJson(revoked);
        else console.log(`Revoked the key …${revoked.hint}.`);
      }),
  );
}

function withOwner(...command: Parameters<typeof addTenantCommand>): Command {
  return addTenantCommand(...command).option(
    "--operator",
    "use the operator's keys, which manage tenants and migrations and read no documents",
  );
}

/** Returns the id of the tenant that owns the keys; null for the operator. */
async function ownerOf(services: Services, { tenant, operator }: OwnerFlags): Promise<string | null> {
  return operator ? null : (await chooseTenant(services, tenant)).id;
}
