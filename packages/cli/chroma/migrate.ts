import { migrate } from "@cairn/chroma/migrate.ts";
import type { Plan } from "@cairn/chroma/plan/plan.ts";
import { prepareReport, writeReport } from "@cairn/chroma/report/write.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import { pathOf } from "@cairn/chroma/source/label.ts";
import { VERSION } from "@cairn/core/version.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { databaseName, withServices } from "../open.ts";
import { count } from "../terminal/counts.ts";
import { paragraph, printJson } from "../terminal/print.ts";
import { dryRun } from "./dry-run.ts";
import {
  addChromaOptions,
  addWriteOptions,
  type ChromaFlags,
  planOptions,
  scopeOptions,
  sourceOptions,
  type WriteFlags,
} from "./options.ts";
import { printOutcome } from "./outcome.ts";
import { showProgress } from "./progress.ts";
import { verdictCode } from "./verdict-code.ts";

interface MigrateFlags extends ChromaFlags, WriteFlags {
  readonly dryRun?: boolean;
}

const HELP = `
Migrate a Chroma server into Postgres and verify every record. Passes over each collection repeat until nothing changes: the
last pass compares every id, text, metadata value and vector in both directions. Then searches are compared and the report is
written. Chroma is only read and can stay in use. The command can be killed at any time; run it again to continue. Run it
again after its end to compare everything and write only what has changed.`;

export function addMigrate(program: Command, { signal, finish }: CommandContext): void {
  addWriteOptions(
    addChromaOptions(
      program
        .command("migrate")
        .summary("Migrate a Chroma server into Postgres and verify every record")
        .description(paragraph(HELP)),
    ),
  )
    .option("--dry-run", "show what is there and what would happen; write nothing")
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
                onPlan: config.json
                  ? undefined
                  : (prepared) => printPlan(prepared, services.embedders.notice),
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

/** Prints the plan before the migration starts. Collections that are planned for the same reason share a line. */
function printPlan({ collections, unmapped, skipped }: Plan, notice: string | undefined): void {
  console.error(
    `${count(collections.length, "collection")} to migrate${skipped.length > 0 ? `, ${skipped.length} left out` : ""}.`,
  );
  const reasons = Map.groupBy(collections, ({ why }) => why);
  for (const [why, group] of reasons) {
    const [first] = group;
    console.error(
      `  ${group.length === 1 && first ? first.source.name : `${group.length} collections`}: ${why}.`,
    );
  }
  for (const { source, problem, blocking } of unmapped)
    if (!blocking) console.error(`  Unmapped: ${pathOf(source)}. ${problem}`);
  for (const collection of collections)
    if (collection.notice) console.error(`  Notice: ${collection.notice}`);
  if (notice && collections.some(({ vectors }) => vectors === "embed")) console.error(`  ${notice}`);
}
