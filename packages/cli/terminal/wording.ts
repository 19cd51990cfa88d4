import { settingName } from "@cairn/api/settings/setting.ts";
import { SETTINGS } from "@cairn/api/settings/table.ts";
import type { AppError, Remedy } from "@cairn/core/error.ts";
import type { Command, Option } from "commander";

/** The command for each remedy that core names. */
const REMEDIES: Readonly<Record<Remedy, string>> = {
  choose_directory: `Grant the permission, choose another folder with ${settingName(SETTINGS.directory)}, or use a PostgreSQL server with ${SETTINGS.databaseUrl.variable}`,
  continue_import: "To continue an interrupted import: cairn import --continue",
  set_database_url: `To set the URL: ${settingName(SETTINGS.databaseUrl)}`,
  list_tenants: "List them: cairn tenants list",
  list_collections: "List them: cairn collections list",
  list_index_failures: "List them: cairn stats",
  migrate_schema: "Run: cairn db migrate",
  name_model: "To set the model: cairn collections set-model. To embed the texts again: cairn reindex --model",
  rename_collection: "To rename it: cairn collections rename",
  reindex:
    "To continue: run the same cairn reindex command again. To change the threshold: cairn collections set-index",
};

/** Translates an error into the terms of the command line: remedies become commands, option names become flags. */
export function inCommandTerms(
  { message, path, remedy }: AppError,
  command: Command | undefined,
): { readonly message: string; readonly path: string | undefined } {
  const option = path === undefined ? undefined : optionOf(path, command);
  const translated = option && path !== undefined ? replaceName(message, path, nameOf(option)) : message;
  return { message: remedy ? `${translated} ${REMEDIES[remedy]}` : translated, path: option?.long ?? path };
}

/** Returns the command-line option for an option of core; undefined if the command has none, as for a field of a document or a file. */
function optionOf(path: string, command: Command | undefined): Option | undefined {
  const name = path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const names = [name, ...(ALIASES[name] ?? [])];
  for (let owner = command; owner; owner = owner.parent ?? undefined) {
    const option = owner.options.find((candidate) => names.includes(candidate.attributeName()));
    if (option?.long) return option;
  }
  return undefined;
}

function nameOf({ long, envVar }: Option): string {
  return settingName({ flag: long ?? undefined, variable: envVar });
}

/** Shorter names that commands use for options of core. */
const ALIASES: Readonly<Record<string, readonly string[]>> = { embeddingModel: ["model"] };

function replaceName(message: string, name: string, flag: string): string {
  return /[A-Z_]/.test(name) ? message.replaceAll(new RegExp(`\\b${name}\\b`, "g"), flag) : message;
}
