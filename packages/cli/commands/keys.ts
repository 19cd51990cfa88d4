import { AppError } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
import {
  type ApiKey,
  createApiKey,
  listApiKeys,
  type NewApiKey,
  revokeApiKey,
  rotateApiKey,
  SCOPES,
  type Scope,
} from "@cairn/core/tenant/api-key.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { chooseTenant, withServices } from "../open.ts";
import { integerBetween } from "../options/integer.ts";
import { addTenantCommand } from "../options/tenant-option.ts";
import { printJson, printTable } from "../terminal/print.ts";

interface OwnerFlags {
  readonly tenant?: string;
  readonly operator?: boolean;
}

interface CreateFlags extends OwnerFlags {
  readonly name?: string;
  readonly scopes?: string;
  readonly days?: number;
}

export function addKeys(program: Command, _: CommandContext): void {
  const keys = program.command("keys").description("Manage API keys");
  withOwner(keys, "list", { description: "List the keys without their secrets", isDefault: true }).action(
    (flags: OwnerFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        const all = await listApiKeys(services.database, await ownerOf(services, flags));
        if (json) return printJson(all);
        printTable(all.map(toRow));
        if (all.length === 0) console.log("There is no key yet. Create one: cairn keys create");
      }),
  );
  withOwner(keys, "create", { description: "Create a key; its secret is shown only once" })
    .option("--name <name>", "name of the key, for display")
    .option("--scopes <list>", `scopes (${SCOPES.join(", ")}), separated by commas (default: read,write)`)
    .option("--days <n>", "days until the key expires (default: never)", integerBetween(1, 36_500))
    .action((flags: CreateFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        const expiresAt = flags.days === undefined ? undefined : new Date(Date.now() + flags.days * 86_400_000);
        const owner = await ownerOf(services, flags);
        const options = { name: flags.name, scopes: parseScopes(flags.scopes), expiresAt };
        printNewKey(await createApiKey(services.database, owner, options), json);
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

function parseScopes(list: string | undefined): readonly Scope[] | undefined {
  const scopes = list?.split(",").map((scope) => scope.trim());
  const unknown = scopes?.find((scope) => !SCOPES.some((valid) => valid === scope));
  if (unknown !== undefined)
    throw new AppError(
      "invalid_input",
      `There is no scope ${JSON.stringify(unknown)}. The scopes are ${SCOPES.join(", ")}.`,
      { path: "--scopes" },
    );
  return scopes as readonly Scope[] | undefined;
}

function toRow({ id, name, hint, scopes, expiresAt, revokedAt, lastUsedAt }: ApiKey) {
  return {
    id,
    name,
    secret: `…${hint}`,
    scopes: scopes.join(", "),
    state: revokedAt ? "revoked" : expiresAt && expiresAt.getTime() < Date.now() ? "expired" : "active",
    expires: expiresAt?.toISOString() ?? "never",
    used: lastUsedAt?.toISOString() ?? "never",
  };
}

function printNewKey({ key, secret }: NewApiKey, json: boolean): void {
  if (json) printJson({ key, secret });
  else {
    console.log(secret);
    console.error(`Created key ${key.id} (${key.scopes.join(", ")}). Store the secret: it is shown only once.`);
  }
}
