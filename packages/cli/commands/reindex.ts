import { AppError } from "@cairn/core/error.ts";
import { assertQuality, type GateResult } from "@cairn/core/evaluation/gate.ts";
import { getSet } from "@cairn/core/evaluation/set.ts";
import { describeFailure, type IndexFailure } from "@cairn/core/maintenance/index-failure.ts";
import { type IndexEvent, maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import {
  changeModel,
  type ModelChangeOptions,
  type ModelChangeResult,
  restoreModel,
} from "@cairn/core/reembed/change.ts";
import { modelChangeCost } from "@cairn/core/reembed/cost.ts";
import type { Services } from "@cairn/core/services.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { parseNumber } from "../evaluate/question-options.ts";
import { EXIT } from "../exit.ts";
import { chooseTenant, withServices } from "../open.ts";
import { integerBetween } from "../options/integer.ts";
import { addTenantOption } from "../options/tenant-option.ts";
import { duration, paragraph, printJson, visible } from "../terminal/print.ts";

interface ReindexFlags {
  readonly tenant?: string;
  readonly collection?: string;
  readonly model?: string;
  readonly restore?: boolean;
  readonly evaluate?: string;
  readonly maxDrop?: number;
  readonly dryRun?: boolean;
  readonly memory?: number;
  readonly workers?: number;
}

const HELP = `
Run index maintenance: index new rows, merge small indexes, rebuild bloated, invalid and changed ones, drop unused ones.
Searches and writes continue. Run it as often as needed, for example on a schedule. If DATABASE_URL is the address of a pooler
such as PgBouncer, set DATABASE_DIRECT_URL as well.
With --model, the command embeds one collection again with another model. The current collection serves until the new one has
caught up and takes its name in one transaction. The old collection is kept and listed by cairn collections list. --restore
goes back to it and keeps what was written since. cairn collections delete removes it. With --evaluate, the new collection takes
the name only if a stored question set is answered as well, within --max-drop; otherwise it stays a draft, which can be queried
and evaluated by its name. --dry-run states the passages, tokens and time of the change and changes nothing.`;

export function addReindex(program: Command, { signal, finish }: CommandContext): void {
  addTenantOption(
    program
      .command("reindex")
      .summary("Run index maintenance, or change the model of a collection")
      .description(paragraph(HELP)),
  )
    .option("--collection <name>", "only collection to maintain (default: all)")
    .option("--model <provider/model>", "new embedding model of the collection (default collection: knowledge)")
    .option("--restore", "go back to the collection before --model")
    .option("--evaluate <set>", "question set that --model must answer as well as the current model")
    .option(
      "--max-drop <value>",
      "accepted drop of nDCG with --evaluate (default: that of the set, or 0.02)",
      parseNumber,
    )
    .option("--dry-run", "print what --model would cost; embeds 16 passages to estimate the time")
    .option(
      "--memory <MB>",
      "memory for an index build, in MB (default: as needed, at most 1024)",
      integerBetween(16, 1_000_000),
    )
    .option("--workers <n>", "parallel workers for an index build of 64 MB or more (default: 2)", integerBetween(0, 64))
    .action((flags: ReindexFlags, command: Command) =>
      withServices(command, async (services, { json }) => {
        if (flags.model !== undefined && flags.restore)
          throw new AppError("invalid_input", "--model and --restore cannot be combined. Set only one of them.", {
            path: "--restore",
          });
        if (flags.model === undefined && (flags.evaluate !== undefined || flags.dryRun))
          throw new AppError("invalid_input", "--evaluate and --dry-run need --model.", { path: "--model" });
        if (flags.dryRun) return printCost(services, flags, { json, signal });
        if (flags.model !== undefined || flags.restore) {
          const changed = await changeCollectionModel(services, flags, { json, signal });
          finish(changed.failed.length > 0 ? EXIT.exceptions : EXIT.done);
          return;
        }
        const { tenant, collection, memory, workers } = flags;
        const isLimited = tenant !== undefined || collection !== undefined; // otherwise all tenants
        const maintained = await maintainIndexes(services.database, {
          tenantId: isLimited ? (await chooseTenant(services, tenant)).id : undefined,
          collection,
          memory,
          workers,
          retryNow: collection !== undefined,
          signal,
          onProgress: json ? undefined : printEvent,
        });
        if (!maintained)
          throw new AppError(
            "run_held",
            "Index maintenance cannot start: another process is building indexes. Try again when it is done.",
          );
        const { done, failed } = maintained;
        if (json) printJson(maintained);
        else if (done.length + failed.length === 0) console.log("All indexes are up to date.");
        else printFailures(failed);
        finish(failed.length > 0 ? EXIT.exceptions : EXIT.done);
      }),
    );
}

/** Changes or restores the model of a collection and prints the result. */
async function changeCollectionModel(
  services: Services,
  { tenant, collection, model, memory, workers, evaluate: set, maxDrop }: ReindexFlags,
  { json, signal }: { readonly json: boolean; readonly signal: AbortSignal | undefined },
): Promise<ModelChangeResult> {
  const { id } = await chooseTenant(services, tenant);
  if (set !== undefined) await getSet(services.database, id, set); // throws before anything is embedded
  let gate: readonly GateResult[] = [];
  const options: ModelChangeOptions = {
    collection,
    memory,
    workers,
    signal,
    ...(set === undefined
      ? {}
      : {
          beforeSwap: async (collections) => {
            gate = await assertQuality(services, collections, { set, maxDrop, signal });
          },
        }),
    onProgress: json
      ? undefined
      : ({ phase, written }: { readonly phase: string; readonly written: number }) =>
          console.error(`  ${PHASES[phase] ?? phase}: ${written} passages so far`),
  };
  const changed =
    model === undefined ? await restoreModel(services, id, options) : await changeModel(services, id, model, options);
  const { failed, written, replaced } = changed;
  if (json) printJson({ ...changed, ...(set === undefined ? {} : { evaluation: gate }) });
  else {
    for (const { variant, before, after, outcome } of gate)
      console.log(`${visible(variant)}: nDCG ${before.toFixed(3)} → ${after.toFixed(3)}, ${outcome}`);
    console.log(
      `Collection ${changed.collection.name} now uses the model ${changed.collection.embeddingModel ?? "unknown"} (${written} passages embedded).`,
    );
    console.log(
      `The old collection is kept as ${JSON.stringify(replaced.name)}. To go back to it: cairn reindex --restore`,
    );
    for (const failure of failed) console.error(`  without a vector: ${visible(failure.id)}: ${failure.message}`);
    if (changed.failures > failed.length) console.error(`  without a vector: ${changed.failures - failed.length} more`);
  }
  return changed;
}

function printFailures(failed: readonly IndexFailure[]): void {
  for (const failure of failed) console.error(describeFailure(failure));
  if (failed.length > 0)
    console.error(
      "To change index settings: cairn collections set-index. To change the memory of a build: cairn reindex --memory.",
    );
}

/** Prints what a change of model would cost. */
async function printCost(
  services: Services,
  { tenant, collection, model = "" }: ReindexFlags,
  { json, signal }: { readonly json: boolean; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { id } = await chooseTenant(services, tenant);
  const cost = await modelChangeCost(services, id, { collection, model, signal });
  if (json) return printJson(cost);
  const time = cost.seconds === null ? "" : `, about ${duration(cost.seconds)} of embedding`;
  console.log(
    `Collection ${visible(cost.collection)} has ${cost.passages} passages with a text. Embedding them with ${model} takes about ${cost.tokens} tokens${time}. Passages that the cache or a draft has already cost nothing. Nothing was changed.`,
  );
}

const PHASES: Readonly<Record<string, string>> = {
  embed: "embedding",
  "catch up": "catching up",
  index: "building the index",
  evaluate: "evaluating",
  swap: "swapping names",
};

function printEvent({ collection, action, reason, rows, seconds }: IndexEvent): void {
  const what = action === "build" ? `indexing ${rows} rows` : "dropping indexes";
  const state = seconds === undefined ? `${what} (${reason}) …` : `done after ${duration(seconds)}.`;
  console.log(`${visible(collection, 50)}: ${state}`);
}
