import { migrate } from "@cairn/chroma/migrate.ts";
import type { Plan } from "@cairn/chroma/plan/plan.ts";
import { prepareReport, writeReport } from "@cairn/chroma/report/write.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import { pathOf } from "@cairn/chroma/source/label.ts";
import { VERSION } from "@cairn/core/version.ts";
import { type Command, Option } from "commander";
import type { CommandContext } from "../command-context.ts";
import { verdictCode } from "../exit.ts";
import { databaseName, withServices } from "../open.ts";
import { count } from "../terminal/counts.ts";
import { paragraph, printJson } from "../terminal/print.ts";
import { showProgress } from "../terminal/progress.ts";
import {
  addChromaOptions,
  type ChromaFlags,
  planOptions,
  scopeOptions,
  sourceOptions,
} from "./chroma-options.ts";
import { dryRun } from "./dry-run.ts";
import { printOutcome } from "./outcome.ts";

interface MigrateFlags extends ChromaFlags {
  readonly dryRun?: boolean;
  readonly reEmbed: "auto" | "always" | "never";
  readonly model?: string;
  readonly prune?: boolean;
  readonly discardChanges?: boolean;
}

const HELP = `
Reads every collection of the Chroma server, writes it into Postgres and passes over it until nothing changes: the last
pass compares every id, text, metadata value and vector both ways. Then it compares searches and writes the report.
Chroma is only read, and may stay in use. Kill it at any time and run the same command again: it goes on where it was.
Run it again after its end: it compares everything and writes only what has changed.`;

export function addMigrate(program: Command, { signal, finish }: CommandContext): void {
  addChromaOptions(
    program
      .command("migrate")
      .summary("take a Chroma server's tenants into Postgres, and prove it")
      .description(paragraph(HELP)),
  )
    .option("--dry-run", "say what is there and what would happen; write nothing")
    .addOption(
      new Option(
        "--re-embed <when>",
        "embed the texts anew: when the target has another model, always, or never",
      )
        .choices(["auto", "always", "never"])
        .default("auto"),
    )
    .option("--model <provider/model>", "model to embed anew with (default: --embedding-model)")
    .option("--prune", "delete from the target what a migration wrote and Chroma has no longer")
    .option(
      "--discard-changes",
      "take Chroma's state: undo what was added, edited and deleted in Cairn since, and prune",
    )
    .action(async (flags: MigrateFlags, command: Command) => {
      if (flags.dryRun) return finish(await dryRun(flags, command));
      const source = await openSource(sourceOptions(flags));
      const plan = await planOptions(flags);
      await prepareReport(flags.report);
      const work = async () =>
        withServices(
          command,
          async (services, config) => {
            const progress = showProgress(config.json);
            try {
              return await migrate(services, source, {
                ...plan,
                reEmbed: flags.reEmbed,
                model: flags.model,
                scope: scopeOptions(flags),
                prune: flags.prune ?? false,
                discardChanges: flags.discardChanges ?? false,
                pageSize: flags.pageSize,
                concurrency: flags.concurrency,
                queries: flags.queries,
                databaseName: databaseName(config),
                cairnVersion: VERSION,
                signal,
                onPlan: config.json ? undefined : (made) => printPlan(made, services.embedders.notice),
                onProgress: progress.show,
              });
            } finally {
              progress.stop();
            }
          },
          { schema: "always" },
        );
      const report = await work();
      const written = await writeReport(report, flags.report);
      const files = [written.html, written.json].filter((file) => file !== undefined);
      if (command.optsWithGlobals().json) printJson({ ...report, files });
      else printOutcome(report, files);
      finish(verdictCode(report.verdict));
    });
}

/** Which collections go where and how, before it happens: alike ones in one line. */
function printPlan({ collections, unmapped, skipped }: Plan, notice: string | undefined): void {
  console.error(
    `${count(collections.length, "collection")} to migrate${skipped.length > 0 ? `, ${skipped.length} left out` : ""}.`,
  );
  const reasons = Map.groupBy(collections, ({ why }) => why);
  for (const [why, alike] of reasons) {
    const [first] = alike;
    console.error(
      `  ${alike.length === 1 && first ? first.source.name : `${alike.length} collections`}: ${why}.`,
    );
  }
  for (const { source, problem, blocking } of unmapped)
    if (!blocking) console.error(`  Does not fit: ${pathOf(source)}. ${problem}`);
  for (const { notice: own } of collections) if (own) console.error(`  Notice: ${own}`);
  if (notice && collections.some(({ vectors }) => vectors === "embed")) console.error(`  ${notice}`);
}
