import type { AppError, Remedy } from "@cairn/core/error.ts";
import type { Command } from "commander";

/** The commands behind the ways out that the domain names. */
const REMEDIES: Readonly<Record<Remedy, string>> = {
  choose_directory:
    "Give it the right to, or choose another folder: --directory (CAIRN_DIRECTORY); or use a PostgreSQL server: DATABASE_URL",
  list_tenants: "List them: cairn tenants list",
  list_collections: "List them: cairn collections list",
  list_index_failures: "List them: cairn stats",
  migrate_schema: "Run: cairn db migrate",
  name_model:
    "To name the model: cairn collections set-model; to embed the texts again: cairn migrate --re-embed always",
  rename_collection: "To rename it: cairn collections rename",
  reindex:
    "To continue: the same cairn reindex command again; to change the threshold: cairn collections set-index",
};

/** An error in the words of the command line: the way out as a command, the domain's options as flags. */
export function inCommandWords(
  { message, path, remedy }: AppError,
  command: Command | undefined,
): { readonly message: string; readonly path: string | undefined } {
  const flag = path === undefined ? undefined : flagOf(path, command);
  const named = flag === undefined || path === undefined ? message : replaceName(message, path, flag);
  return { message: remedy ? `${named} ${REMEDIES[remedy]}` : named, path: flag ?? path };
}

/** The flag that sets an option of the domain's; undefined where the command has none: a field of a document, a file. */
function flagOf(path: string, command: Command | undefined): string | undefined {
  const name = path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const names = [name, ...(SHORTER[name] ?? [])];
  for (let at = command; at; at = at.parent ?? undefined) {
    const option = at.options.find((one) => names.includes(one.attributeName()));
    if (option) return option.long ?? undefined;
  }
  return undefined;
}

/** Options that a command calls differently. */
const SHORTER: Readonly<Record<string, readonly string[]>> = { embeddingModel: ["model"] };

function replaceName(message: string, name: string, flag: string): string {
  return /[A-Z_]/.test(name) ? message.replaceAll(new RegExp(`\\b${name}\\b`, "g"), flag) : message;
}
