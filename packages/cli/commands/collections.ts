import { type CollectionChanges, changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { chunkSizes, validateChunking } from "@cairn/core/collection/chunking.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import { createCollection } from "@cairn/core/collection/create.ts";
import { getCollection, listCollections } from "@cairn/core/collection/get.ts";
import type { ChunkSettings, IndexSettings } from "@cairn/core/database/collection-settings.ts";
import { requireDefaultModel } from "@cairn/core/embedding/embedder.ts";
import { textLimit } from "@cairn/core/embedding/text-limit.ts";
import { AppError } from "@cairn/core/error.ts";
import { METRICS, type Metric } from "@cairn/core/index/metric.ts";
import { type Command, Option } from "commander";
import type { CommandContext } from "../command-context.ts";
import { chooseTenant, withServices, withTenant } from "../open.ts";
import { integerBetween } from "../options/integer.ts";
import { parseJsonArgument } from "../options/json-argument.ts";
import { addTenantCommand } from "../options/tenant-option.ts";
import { confirm } from "../terminal/confirm.ts";
import { printJson, printTable } from "../terminal/print.ts";

interface ChunkingFlags {
  readonly maxTokens?: number;
  readonly overlap?: number;
}

const parseMaxTokens = integerBetween(16, 8_000);
const parseOverlap = integerBetween(0, 4_000);

interface CreateFlags extends ChunkingFlags {
  readonly tenant?: string;
  readonly model?: string;
  readonly dimensions?: number;
  readonly metric: Metric;
  readonly language?: string;
  readonly index?: string;
}

export function addCollections(program: Command, _: CommandContext): void {
  const collections = program.command("collections").description("Manage the collections of a tenant");
  addTenantCommand(collections, "list", {
    description: "List the collections of a tenant",
    isDefault: true,
  }).action((_flags: object, command: Command) =>
    withTenant(command, async ({ database }, tenant, { json }) => {
      const all = await listCollections(database, tenant.id);
      if (json) return printJson(all);
      printTable(
        all.map(({ name, embeddingModel, dimensions, metric, id }) => ({
          name,
          model: embeddingModel ?? "unknown",
          dimensions,
          metric,
          id,
        })),
      );
      if (all.length === 0)
        console.log(`Tenant ${tenant.name} has no collection yet. cairn ingest creates the first one.`);
    }),
  );
  addTenantCommand(collections, "create [name]", { description: "Create a collection (default: knowledge)" })
    .option("--model <provider/model>", "embedding model (default: --embedding-model)")
    .option("--dimensions <n>", "dimensions of the vectors (default: those of the model)", integerBetween(1, 16_000))
    .addOption(new Option("--metric <metric>", "distance metric").choices(METRICS).default("cosine"))
    .option("--language <name>", "language for keyword search (default: english; simple: any language)")
    .option(
      "--index <json>",
      `index settings, used when the collection is large: '{"precision": "halfvec", "efSearch": 300}'`,
    )
    .option(
      "--max-tokens <n>",
      "maximum number of tokens in a passage (default: 800, or the limit of the model)",
      parseMaxTokens,
    )
    .option("--overlap <n>", "tokens that a passage repeats from the previous one (default: 400)", parseOverlap)
    .action((name: string | undefined, flags: CreateFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        const { database, embedders } = services;
        const defaultModel = flags.model === undefined ? requireDefaultModel(embedders) : undefined;
        const tenant = await chooseTenant(services, flags.tenant);
        const embeddingModel = flags.model ?? defaultModel?.model ?? null;
        const chunking = chunkingOf(flags);
        validateChunking(chunking, textLimit(embedders, embeddingModel));
        const created = await createCollection(database, tenant.id, {
          name,
          embeddingModel,
          dimensions: flags.dimensions ?? defaultModel?.dimensions,
          metric: flags.metric,
          language: flags.language,
          indexSettings: parseIndexSettings(flags.index),
          chunking,
        });
        if (json) printJson(created);
        else
          console.log(
            `Created collection ${created.name}: model ${created.embeddingModel}, ${created.dimensions === null ? "dimensions of the first vector" : `${created.dimensions} dimensions`}, metric ${created.metric}.`,
          );
      }),
    );
  addChangeCommands(collections);
}

function addChangeCommands(collections: Command): void {
  addTenantCommand(collections, "rename <name> <new-name>", { description: "Rename a collection" }).action(
    (name: string, newName: string, _flags: object, command: Command) => change(command, name, { name: newName }),
  );
  addTenantCommand(collections, "set-model <name> <provider/model>", {
    description: "Set the model of a collection's vectors, so that queries by text work",
  })
    .option("--yes", "do not ask for confirmation if the collection has vectors (required without a terminal)")
    .action((name: string, model: string, { yes = false }: { readonly yes?: boolean }, command: Command) =>
      change(command, name, { embeddingModel: model, confirmModel: yes }),
    );
  addTenantCommand(collections, "set-language <name> <language>", {
    description: "Set the language for keyword search; cairn reindex then rebuilds the keyword index",
  }).action((name: string, language: string, _flags: object, command: Command) => change(command, name, { language }));
  addTenantCommand(collections, "set-index <name> <json>", {
    description: "Set the index settings of a collection and discard its earlier ones; {} sets the defaults",
  }).action((name: string, settings: string, _flags: object, command: Command) =>
    change(command, name, { indexSettings: parseIndexSettings(settings) }),
  );
  addTenantCommand(collections, "set-chunking <name>", {
    description:
      "Set how new texts are split into passages and discard the earlier settings; without options, set the defaults",
  })
    .option("--max-tokens <n>", "maximum number of tokens in a passage", parseMaxTokens)
    .option("--overlap <n>", "tokens that a passage repeats from the previous one", parseOverlap)
    .action((name: string, flags: ChunkingFlags, command: Command) =>
      change(command, name, { chunking: chunkingOf(flags) }),
    );
  addTenantCommand(collections, "delete <name>", { description: "Delete a collection with its documents" })
    .requiredOption("--yes", "confirm the deletion, which cannot be undone")
    .action((name: string, _flags: object, command: Command) =>
      withTenant(command, async ({ database }, tenant, { json }) => {
        await deleteCollection(database, tenant.id, name);
        if (json) printJson({ deleted: name });
        else console.log(`Deleted collection ${name}.`);
      }),
    );
}

function change(command: Command, name: string, changes: CollectionChanges): Promise<void> {
  return withTenant(command, async ({ database, embedders }, { id }, { json }) => {
    if (changes.chunking) {
      const { embeddingModel } = await getCollection(database, id, name);
      validateChunking(changes.chunking, textLimit(embedders, embeddingModel));
    }
    const changed = await withConfirmation(changes, (confirmed) => changeCollection(database, id, name, confirmed));
    if (json) printJson(changed);
    else console.log(describeCollection(changed, textLimit(embedders, changed.embeddingModel)));
  });
}

/**
 * Applies changes. If they need confirmation, it asks on the terminal. Throws `invalid_input` without a terminal, or if the
 * answer is not yes.
 */
async function withConfirmation<T>(
  changes: CollectionChanges,
  apply: (changes: CollectionChanges) => Promise<T>,
): Promise<T> {
  try {
    return await apply(changes);
  } catch (error) {
    if (!(error instanceof AppError) || error.path !== "confirmModel") throw error;
    if (await confirm(error.message)) return apply({ ...changes, confirmModel: true });
    throw new AppError("invalid_input", `${error.message} To skip the confirmation, set --yes.`, {
      path: "--yes",
      cause: error,
    });
  }
}

function describeCollection(collection: Collection, limit: number | undefined): string {
  const { name, embeddingModel, language, indexSettings, chunking } = collection;
  const { maxTokens, overlap } = chunkSizes(chunking, limit);
  return (
    `Collection ${name}: model ${embeddingModel ?? "unknown"}, language ${language}, index ${JSON.stringify(indexSettings)}, ` +
    `passages of at most ${maxTokens} tokens with an overlap of ${overlap}.`
  );
}

function chunkingOf({ maxTokens, overlap }: ChunkingFlags): ChunkSettings {
  return { ...(maxTokens === undefined ? {} : { maxTokens }), ...(overlap === undefined ? {} : { overlap }) };
}

/** Parses index settings. Throws `invalid_input` if they are not a JSON object. */
function parseIndexSettings(text: string | undefined): IndexSettings | undefined {
  if (text === undefined) return undefined;
  const settings = parseJsonArgument(text, "--index");
  if (typeof settings === "object" && settings !== null && !Array.isArray(settings)) return settings;
  throw new AppError(
    "invalid_input",
    `The index settings must be a JSON object, as in {"efSearch": 300}, not ${text}.`,
    { path: "--index" },
  );
}
