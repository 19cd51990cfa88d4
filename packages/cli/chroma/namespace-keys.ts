import { addNamespaceKey } from "@cairn/chroma/namespace/manage.ts";
import { listApiKeys, revokeApiKey } from "@cairn/core/tenant/api-key.ts";
import { getNamespace } from "@cairn/core/tenant/namespace.ts";
import type { Command } from "commander";
import { withServices } from "../open.ts";
import { addKeyOptions, type KeyFlags, keyOptions } from "../options/key-options.ts";
import { printKeys, printNewKey } from "../terminal/keys.ts";
import { printJson } from "../terminal/print.ts";

/** The scopes that a namespace's key can have. */
const SCOPES = ["read", "write"] as const;

/** Adds `cairn namespaces keys`. */
export function addNamespaceKeys(namespaces: Command): void {
  const keys = namespaces.command("keys").description("Manage the keys of a namespace, which act for all its tenants");
  keys
    .command("list <namespace>", { isDefault: true })
    .description("List the keys without their secrets")
    .action((name: string, _flags: object, command: Command) =>
      withServices(command, async ({ database }, { json }) => {
        const { id: namespaceId } = await getNamespace(database, name);
        const all = await listApiKeys(database, { namespaceId });
        if (json) return printJson(all);
        printKeys(all);
        if (all.length === 0) console.log(`There is no key yet. Create one: cairn namespaces keys create ${name}`);
      }),
    );
  const create = keys.command("create <namespace>").description("Create a key; its secret is shown only once");
  addKeyOptions(create, SCOPES).action((name: string, flags: KeyFlags, command: Command) =>
    withServices(command, async ({ database }, { json }) =>
      printNewKey(await addNamespaceKey(database, name, keyOptions(flags, SCOPES)), json),
    ),
  );
  keys
    .command("revoke <namespace> <id>")
    .description("Revoke a key; it is refused within a minute")
    .action((name: string, id: string, _flags: object, command: Command) =>
      withServices(command, async ({ database }, { json }) => {
        const { id: namespaceId } = await getNamespace(database, name);
        const revoked = await revokeApiKey(database, { namespaceId }, id);
        if (json) printJson(revoked);
        else console.log(`Revoked the key …${revoked.hint}.`);
      }),
    );
}
