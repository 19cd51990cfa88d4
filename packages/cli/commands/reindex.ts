import { AppError } from "@cairn/core/error.ts";
import { describeFailure, type IndexFailure } from "@cairn/core/maintenance/index-failure.ts";
import { type IndexEvent, maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { changeModel, type ModelChanged, restoreModel } from "@cairn/core/maintenance/model-change.ts";
import type { Services } from "@cairn/core/services.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { EXIT } from "../exit.ts";
import { chooseTenant, withServices } from "../open.ts";
import { duration, paragraph, printJson, visible } from "../terminal/print.ts";
import { wholeNumber } from "./chroma-options.ts";
import { withTenant } from "./collections.ts";

interface ReindexFlags {
  readonly tenant?: string;
  readonly collection?: string;
  readonly model?: string;
  readonly restore?: boolean;
  readonly memory?: number;
  readonly workers?: number;
}

const HELP = `
Brings the indexes of large collections in line with their rows: indexes what was written since, merges small indexes,
builds bloated, invalid or changed ones anew, drops what is not needed. Searches and writes go on meanwhile; run it as
often as you like, on a schedule say. Through a pooler such as PgBouncer or Neon's, set DATABASE_DIRECT_URL.
With --model it embeds one collection anew: beside the old one, which serves until the new one has caught up and takes
its name in one transaction. The old one is kept, see cairn collections list: --restore goes back to it, with what was
written since; cairn collections delete drops it.`;

export function addReindex(program: Command, { signal, finish }: CommandContext): void {
  withTenant(
    program
      .command("reindex")
      .summary("index what has grown, or embed a collection anew")
      .description(paragraph(HELP)),
  )
    .option("--collection <name>", "only this collection")
    .option("--model <provider/model>", "embed the collection (default: knowledge) anew with another model")
    .option("--restore", "go back to what the collection was before --model")
    .option(
      "--memory <MB>",
      "memory for a build (default: what it needs, 1024 at most)",
      wholeNumber(16, 1_000_000),
    )
    .option(
      "--workers <n>",
      "processes that help with a build of 64 MB or more (default: 2)",
      wholeNumber(0, 64),
    )
    .action((flags: ReindexFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        if (flags.model !== undefined && flags.restore)
          throw new AppError("invalid_input", "Give either --model or --restore.", { path: "--restore" });
        if (flags.model !== undefined || flags.restore) {
          const changed = await change(services, flags, { json, signal });
          finish(changed.failed.length > 0 ? EXIT.exceptions : EXIT.done);
          return;
        }
        const { memory, workers } = flags;
        const maintained = await maintainIndexes(services.database, {
          tenantId: await chosenTenant(services, flags),
          collection: flags.collection,
          memory,
          workers,
          insist: flags.collection !== undefined,
          signal,
          onProgress: json ? undefined : printEvent,
        });
        if (!maintained)
          throw new AppError(
            "run_held",
            "Another process builds indexes at the moment. Try again when it is done.",
          );
        const { done, failed } = maintained;
        if (json) printJson(maintained);
        else if (done.length + failed.length === 0) console.log("Every index is as it should be.");
        else printFailures(failed);
        finish(failed.length > 0 ? EXIT.exceptions : EXIT.done);
      }),
    );
}

/** None named: all of them, unless one collection is meant. */
async function chosenTenant(
  services: Services,
  { tenant, collection }: ReindexFlags,
): Promise<string | undefined> {
  if (tenant === undefined && collection === undefined) return undefined;
  return (await chooseTenant(services, tenant)).id;
}

async function change(
  services: Services,
  { tenant, collection, model, memory, workers }: ReindexFlags,
  { json, signal }: { readonly json: boolean; readonly signal: AbortSignal | undefined },
): Promise<ModelChanged> {
  const { id } = await chooseTenant(services, tenant);
  const options = {
    collection,
    memory,
    workers,
    signal,
    onProgress: json
      ? undefined
      : ({ phase, written }: { readonly phase: string; readonly written: number }) =>
          console.error(`  ${PHASES[phase] ?? phase}: ${written} passages so far`),
  };
  const changed =
    model === undefined
      ? await restoreModel(services, id, options)
      : await changeModel(services, id, model, options);
  const { failed, written, replaced } = changed;
  if (json) printJson({ ...changed });
  else {
    console.log(
      `${changed.collection.name} is embedded by ${changed.collection.embeddingModel ?? "an unknown model"} now (${written} passages were).`,
    );
    console.log(
      `What it was is kept as ${JSON.stringify(replaced.name)}: cairn reindex --restore goes back to it.`,
    );
    for (const failure of failed)
      console.error(`  without a vector: ${visible(failure.id)}: ${failure.message}`);
    if (changed.failures > failed.length)
      console.error(`  without a vector: ${changed.failures - failed.length} more`);
  }
  return changed;
}

function printFailures(failed: readonly IndexFailure[]): void {
  for (const failure of failed) console.error(describeFailure(failure));
  if (failed.length > 0)
    console.error("Index settings: cairn collections set-index. Memory of a build: cairn reindex --memory.");
}

const PHASES: Readonly<Record<string, string>> = {
  embed: "embedding",
  "catch up": "catching up",
  index: "building the index",
  swap: "taking the name",
};

function printEvent({ collection, action, reason, rows, seconds }: IndexEvent): void {
  const what = action === "build" ? `indexing ${rows} rows` : "dropping indexes";
  console.log(
    seconds === undefined
      ? `${visible(collection, 50)}: ${what} (${reason}) …`
      : `${visible(collection, 50)}: done after ${duration(seconds)}.`,
  );
}
