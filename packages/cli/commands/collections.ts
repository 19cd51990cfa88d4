import { changeCollection, deleteCollection } from "@cairn/core/collection/change.ts";
import { createCollection } from "@cairn/core/collection/create.ts";
import { listCollections } from "@cairn/core/collection/get.ts";
import { METRICS, type Metric } from "@cairn/core/collection/metric.ts";
import { type Command, Option } from "commander";
import { chooseTenant, withServices } from "../open.ts";
import type { Surroundings } from "../surroundings.ts";
import { printJson, printTable } from "../terminal/print.ts";
import { wholeNumber } from "./chroma-options.ts";

interface TenantFlags {
  readonly tenant?: string;
}

interface CreateFlags extends TenantFlags {
  readonly model?: string;
  readonly dimensions?: number;
  readonly metric: Metric;
}

export function addCollections(program: Command, _: Surroundings): void {
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
    .action((name: string | undefined, flags: CreateFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        const { default: standard } = services.embedders;
        const tenant = await chooseTenant(services, flags.tenant);
        const made = await createCollection(services.database, tenant.id, {
          name,
          embeddingModel: flags.model ?? standard.model,
          dimensions: flags.dimensions ?? (flags.model === undefined ? standard.dimensions : undefined),
          metric: flags.metric,
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
  ).action((name: string, model: string, flags: TenantFlags, command: Command) =>
    change(command, flags, name, { embeddingModel: model }),
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
  changes: { readonly name?: string; readonly embeddingModel?: string },
): Promise<void> {
  await withServices(command, async (services, { json }) => {
    const tenant = await chooseTenant(services, flags.tenant);
    const changed = await changeCollection(services.database, tenant.id, name, changes);
    if (json) printJson(changed);
    else console.log(`Collection ${changed.name} has the model ${changed.embeddingModel ?? "unknown"}.`);
  });
}

/** `--tenant`, as every command that works for one has it. */
export function withTenant(command: Command): Command {
  return command.addOption(
    new Option("--tenant <name-or-id>", "whose; may be left out where there is only one").env("CAIRN_TENANT"),
  );
}
