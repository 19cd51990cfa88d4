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
import { printJson, printTable } from "../terminal/print.ts";
import { wholeNumber } from "./chroma-options.ts";
import { withTenant } from "./collections.ts";

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
  const keys = program.command("keys").description("list, make, rotate and revoke the keys of the API");
  withOwner(keys.command("list", { isDefault: true }).description("the keys, without their secrets")).action(
    (flags: OwnerFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        const all = await listApiKeys(services.database, await ownerOf(services, flags));
        if (json) return printJson(all);
        printTable(all.map(toRow));
        if (all.length === 0) console.log("There is no key yet. Make one: cairn keys create");
      }),
  );
  withOwner(keys.command("create").description("make a key; its secret is shown this once"))
    .option("--name <name>", "for people")
    .option("--scopes <list>", `of ${SCOPES.join(", ")}, separated by commas (default: read,write)`)
    .option("--days <n>", "until it expires (default: never)", wholeNumber(1, 36_500))
    .action((flags: CreateFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        const expiresAt =
          flags.days === undefined ? undefined : new Date(Date.now() + flags.days * 86_400_000);
        const owner = await ownerOf(services, flags);
        const options = { name: flags.name, scopes: readScopes(flags.scopes), expiresAt };
        showMade(await createApiKey(services.database, owner, options), json);
      }),
    );
  withOwner(keys.command("rotate <id>").description("make a key in another's place"))
    .option("--grace <seconds>", "that the old one works yet", wholeNumber(0), 3600)
    .action((id: string, flags: OwnerFlags & { readonly grace: number }, command: Command) =>
      withServices(command, async (services, { json }) => {
        const owner = await ownerOf(services, flags);
        showMade(await rotateApiKey(services.database, owner, id, { grace: flags.grace }), json);
      }),
    );
  withOwner(keys.command("revoke <id>").description("refuse a key from now on, within a minute")).action(
    (id: string, flags: OwnerFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        const revoked = await revokeApiKey(services.database, await ownerOf(services, flags), id);
        if (json) printJson(revoked);
        else console.log(`Revoked the key …${revoked.hint}.`);
      }),
  );
}

function withOwner(command: Command): Command {
  return withTenant(command).option("--operator", "the operator's keys: tenants, migrations, no documents");
}

async function ownerOf(services: Services, { tenant, operator }: OwnerFlags): Promise<string | null> {
  if (!operator) return (await chooseTenant(services, tenant)).id;
  return null;
}

function readScopes(given: string | undefined): readonly Scope[] | undefined {
  const scopes = given?.split(",").map((scope) => scope.trim());
  const unknown = scopes?.find((scope) => !SCOPES.some((known) => known === scope));
  if (unknown !== undefined)
    throw new AppError(
      "invalid_input",
      `There is no scope ${JSON.stringify(unknown)}: there are ${SCOPES.join(", ")}.`,
      {
        path: "--scopes",
      },
    );
  return scopes as readonly Scope[] | undefined;
}

function toRow({ id, name, hint, scopes, expiresAt, revokedAt, lastUsedAt }: ApiKey) {
  return {
    id,
    name,
    secret: `…${hint}`,
    scopes: scopes.join(", "),
    state: revokedAt ? "revoked" : expiresAt && expiresAt.getTime() < Date.now() ? "expired" : "in force",
    expires: expiresAt?.toISOString() ?? "never",
    used: lastUsedAt?.toISOString() ?? "never",
  };
}

function showMade({ key, secret }: NewApiKey, json: boolean): void {
  if (json) printJson({ key, secret });
  else {
    console.log(secret);
    console.error(`The key ${key.id} (${key.scopes.join(", ")}), shown this once: keep it.`);
  }
}
