import { type CollectionChanges, changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { type ChunkSettings, chunkSizes, validateChunking } from "@cairn/core/collection/chunking.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import { createCollection } from "@cairn/core/collection/create.ts";
import { getCollection, listCollections } from "@cairn/core/collection/get.ts";
import type { IndexSettings } from "@cairn/core/collection/index-settings.ts";
import { METRICS, type Metric } from "@cairn/core/collection/metric.ts";
import { requireDefaultModel } from "@cairn/core/embedding/embedder.ts";
import { textLimit } from "@cairn/core/embedding/text-limit.ts";
import { AppError } from "@cairn/core/error.ts";
import { type Command, Option } from "commander";
import type { CommandContext } from "../command-context.ts";
import { chooseTenant, withServices } from "../open.ts";
import { confirm } from "../terminal/confirm.ts";
import { printJson, printTable } from "../terminal/print.ts";
import { wholeNumber } from "./chroma-options.ts";
import { readJson } from "./filter-options.ts";

interface TenantFlags {
  readonly tenant?: string;
}

interface ModelFlags extends TenantFlags {
  readonly yes?: boolean;
}

interface ChunkingFlags extends TenantFlags {
  readonly maxTokens?: number;
  readonly overlap?: number;
}

const maxTokens = wholeNumber(16, 8_000);
const overlap = wholeNumber(0, 4_000);

interface CreateFlags extends ChunkingFlags {
  readonly model?: string;
  readonly dimensions?: number;
  readonly metric: Metric;
  readonly language?: string;
  readonly index?: string;
}

export function addCollections(program: Command, _: CommandContext): void {
  const collections = program
    .command("collections")
    .description("list, create, rename and delete a tenant's collections");
  withTenant(collections.command("list", { isDefault: true }).description("the tenant's collections")).action(
    (flags: TenantFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        const tenant = await chooseTenant(services, flags.tenant);
        const all = await listCollections(services.database, tenant.id);
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
          console.log(`Tenant ${tenant.name} has no collection yet. cairn ingest makes the first.`);
      }),
  );
  withTenant(collections.command("create [name]").description("make a collection (default: knowledge)"))
    .option("--model <provider/model>", "its embedding model (default: --embedding-model)")
    .option("--dimensions <n>", "length of its vectors (default: the model's)", wholeNumber(1, 16_000))
    .addOption(new Option("--metric <metric>", "how distance is measured").choices(METRICS).default("cosine"))
    .option("--language <name>", "what keyword search reads its texts as (default: english; simple: any)")
    .option(
      "--index <json>",
      `settings of its index once it is large: '{"precision": "halfvec", "efSearch": 300}'`,
    )
    .option(
      "--max-tokens <n>",
      "tokens of a passage at most (default: 800, or what the model reads)",
      maxTokens,
    )
    .option("--overlap <n>", "tokens that a passage repeats of the one before (default: 400)", overlap)
    .action((name: string | undefined, flags: CreateFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        const standard = flags.model === undefined ? requireDefaultModel(services.embedders) : undefined;
        const tenant = await chooseTenant(services, flags.tenant);
        const embeddingModel = flags.model ?? standard?.model ?? null;
        const chunking = chunkingOf(flags);
        validateChunking(chunking, textLimit(services.embedders, embeddingModel));
        const made = await createCollection(services.database, tenant.id, {
          name,
          embeddingModel,
          dimensions: flags.dimensions ?? standard?.dimensions,
          metric: flags.metric,
          language: flags.language,
          indexSettings: readSettings(flags.index),
          chunking,
        });
        if (json) printJson(made);
        else
          console.log(
            `Made collection ${made.name}: ${made.embeddingModel}, ${made.dimensions ?? "as many as the first vector has"} dimensions, ${made.metric}.`,
          );
      }),
    );
  addChanges(collections);
}

function addChanges(collections: Command): void {
  withTenant(
    collections.command("rename <name> <new-name>").description("give a collection another name"),
  ).action((name: string, newName: string, flags: TenantFlags, command: Command) =>
    change(command, flags, name, { name: newName }),
  );
  withTenant(
    collections
      .command("set-model <name> <provider/model>")
      .description("name the model that made a collection's vectors, so that texts can be searched"),
  )
    .option("--yes", "do not ask where the collection has vectors; needed without a terminal")
    .action((name: string, model: string, flags: ModelFlags, command: Command) =>
      change(command, flags, name, { embeddingModel: model, confirmModel: flags.yes ?? false }),
    );
  withTenant(
    collections
      .command("set-language <name> <language>")
      .description(
        "what keyword search reads a collection's texts as; cairn reindex then builds its index anew",
      ),
  ).action((name: string, language: string, flags: TenantFlags, command: Command) =>
    change(command, flags, name, { language }),
  );
  withTenant(
    collections
      .command("set-index <name> <json>")
      .description(
        "settings of a large collection's index, in the place of all set before; {} for the defaults",
      ),
  ).action((name: string, settings: string, flags: TenantFlags, command: Command) =>
    change(command, flags, name, { indexSettings: readSettings(settings) }),
  );
  withTenant(
    collections
      .command("set-chunking <name>")
      .description(
        "how texts that are ingested from now on are split, in the place of all set before; no option for the defaults",
      ),
  )
    .option("--max-tokens <n>", "tokens of a passage at most", maxTokens)
    .option("--overlap <n>", "tokens that a passage repeats of the one before", overlap)
    .action((name: string, flags: ChunkingFlags, command: Command) =>
      change(command, flags, name, { chunking: chunkingOf(flags) }),
    );
  withTenant(collections.command("delete <name>").description("delete a collection with its documents"))
    .requiredOption("--yes", "really: it cannot be undone")
    .action((name: string, flags: TenantFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        const tenant = await chooseTenant(services, flags.tenant);
        await deleteCollection(services.database, tenant.id, name);
        if (json) printJson({ deleted: name });
        else console.log(`Deleted collection ${name}.`);
      }),
    );
}

async function change(
  command: Command,
  flags: TenantFlags,
  name: string,
  changes: CollectionChanges,
): Promise<void> {
  await withServices(command, async (services, { json }) => {
    const tenant = await chooseTenant(services, flags.tenant);
    if (changes.chunking) {
      const { embeddingModel } = await getCollection(services.database, tenant.id, name);
      validateChunking(changes.chunking, textLimit(services.embedders, embeddingModel));
    }
    const changed = await withConfirmation(changes, (confirmed) =>
      changeCollection(services.database, tenant.id, name, confirmed),
    );
    if (json) printJson(changed);
    else console.log(summaryOf(changed, textLimit(services.embedders, changed.embeddingModel)));
  });
}

/** Makes a change; where it has to be confirmed, a person at a terminal is asked, and nobody else confirms by accident. */
async function withConfirmation<T>(
  changes: CollectionChanges,
  make: (changes: CollectionChanges) => Promise<T>,
): Promise<T> {
  try {
    return await make(changes);
  } catch (error) {
    if (!(error instanceof AppError) || error.path !== "confirmModel") throw error;
    if (await confirm(error.message)) return make({ ...changes, confirmModel: true });
    throw new AppError("invalid_input", `${error.message} With --yes it is not asked for.`, {
      path: "--yes",
      cause: error,
    });
  }
}

function summaryOf(collection: Collection, limit: number | undefined): string {
  const { name, embeddingModel, language, indexSettings, chunking } = collection;
  const { maxTokens: tokens, overlap: repeated } = chunkSizes(chunking, limit);
  return (
    `Collection ${name}: model ${embeddingModel ?? "unknown"}, language ${language}, index ${JSON.stringify(indexSettings)}, ` +
    `passages of ${tokens} tokens at most, ${repeated} of them repeated.`
  );
}

function chunkingOf({ maxTokens, overlap }: ChunkingFlags): ChunkSettings {
  return { ...(maxTokens === undefined ? {} : { maxTokens }), ...(overlap === undefined ? {} : { overlap }) };
}

/** Throws `invalid_input` for what is no JSON object. */
function readSettings(text: string | undefined): IndexSettings | undefined {
  if (text === undefined) return undefined;
  const settings = readJson(text, "--index");
  if (typeof settings === "object" && settings !== null && !Array.isArray(settings)) return settings;
  throw new AppError(
    "invalid_input",
    `The settings must be a JSON object, as in {"efSearch": 300}, not ${text}.`,
    {
      path: "--index",
    },
  );
}

/** `--tenant`, as every command that works for one has it. */
export function withTenant(command: Command): Command {
  return command.addOption(
    new Option("--tenant <name-or-id>", "whose; may be left out where there is only one").env("CAIRN_TENANT"),
  );
}
