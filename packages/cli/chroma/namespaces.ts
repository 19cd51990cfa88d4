import { addNamespace } from "@cairn/chroma/namespace/manage.ts";
import { parseMapping } from "@cairn/chroma/protocol/mapping.ts";
import { deleteNamespace, listNamespaces, type Namespace } from "@cairn/core/tenant/namespace.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { withServices } from "../open.ts";
import { readFileArgument } from "../options/json-argument.ts";
import { paragraph, printJson, printTable } from "../terminal/print.ts";
import { addNamespaceKeys } from "./namespace-keys.ts";
import { addTargetOptions, type TargetFlags } from "./options.ts";

const HELP = `
Manage namespaces, for applications that use one Chroma server for all tenants. A namespace gives the names of the server's
collections to tenants, with the patterns and the mapping of a migration. Its keys act for all these tenants.`;

interface CreateFlags extends TargetFlags {
  readonly fallback?: string;
}

export function addNamespaces(program: Command, _: CommandContext): void {
  const namespaces = program
    .command("namespaces")
    .summary("Manage namespaces, which give the names of a Chroma server to tenants")
    .description(paragraph(HELP));
  addList(namespaces);
  addCreate(namespaces);
  namespaces
    .command("delete <name-or-id>")
    .description("Delete a namespace with its keys; its tenants and their collections stay")
    .requiredOption("--yes", "confirm the deletion, which cannot be undone")
    .action((name: string, _flags: object, command: Command) =>
      withServices(command, async ({ database }, { json }) => {
        const deleted = await deleteNamespace(database, name);
        if (json) printJson({ deleted: deleted.name });
        else console.log(`Deleted namespace ${deleted.name}. Its keys are refused within a minute.`);
      }),
    );
  addNamespaceKeys(namespaces);
}

function addList(namespaces: Command): void {
  namespaces
    .command("list", { isDefault: true })
    .description("List all namespaces")
    .action((_flags: object, command: Command) =>
      withServices(command, async ({ database }, { json }) => {
        const all = await listNamespaces(database);
        if (json) return printJson(all);
        printTable(all.map(toRow));
        if (all.length === 0) console.log("There is no namespace yet. Create one: cairn namespaces create NAME");
      }),
    );
}

function toRow({ id, name, settings, createdAt }: Namespace) {
  const { patterns, fallback } = settings as { readonly patterns?: readonly string[]; readonly fallback?: string };
  return {
    name,
    id,
    patterns: patterns?.join(", ") ?? "",
    fallback: fallback ?? "",
    created: createdAt.toISOString(),
  };
}

function addCreate(namespaces: Command): void {
  addTargetOptions(namespaces.command("create <name>").description("Create a namespace"))
    .option("--fallback <name>", "tenant of names that nothing else matches (default: such names are refused)")
    .action((name: string, { pattern: patterns, tenant, map, fallback }: CreateFlags, command: Command) =>
      withServices(command, async ({ database }, { json }) => {
        const mapping = map === undefined ? undefined : parseMapping(await readFileArgument(map, "--map"));
        const namespace = await addNamespace(database, { name, settings: { patterns, tenant, mapping, fallback } });
        if (json) printJson(namespace);
        else console.log(`Created namespace ${name}. Next: cairn namespaces keys create ${name}`);
      }),
    );
}
