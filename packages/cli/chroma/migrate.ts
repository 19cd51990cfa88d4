import { migrate } from "@cairn/chroma/migrate.ts";
import type { Plan } from "@cairn/chroma/plan/plan.ts";
import { pathOf } from "@cairn/chroma/protocol/path.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { count } from "../terminal/counts.ts";
import { paragraph } from "../terminal/print.ts";
import { confirmMapping, proposeMappingFile } from "./choose-mapping.ts";
import { dryRun } from "./dry-run.ts";
import { type BackFlags, runMigrateBack } from "./migrate-back.ts";
import { addChromaOptions, addWriteOptions, type ChromaFlags, sourceOptions, type WriteFlags } from "./options.ts";
import { runWithReport } from "./run.ts";

interface MigrateFlags extends ChromaFlags, WriteFlags, BackFlags {
  readonly dryRun?: boolean;
  readonly back?: boolean;
}

const HELP = `
Migrate a Chroma server into Postgres and verify every record. Passes over each collection repeat until nothing changes: the
last pass compares every id, text, metadata value and vector in both directions. Then searches are compared and the report is
written. Chroma is only read and can stay in use. The command can be killed at any time; run it again to continue. Run it
again after its end to compare everything and write only what has changed.

With --back, the data of one tenant (--tenant) is written from Postgres to Chroma: what is equal stays, what differs is written.
Records that only Chroma has are deleted only with --prune.`;

export function addMigrate(program: Command, context: CommandContext): void {
  addWriteOptions(
    addChromaOptions(
      program
        .command("migrate")
        .summary("Migrate a Chroma server into Postgres and verify every record")
        .description(paragraph(HELP)),
    ),
  )
    .option("--dry-run", "show what is there and what would happen; write nothing to either database")
    .option("--back", "the other direction: write the data of --tenant from Postgres to Chroma")
    .option(
      "--skip-documents",
      "with --back: leave out documents that Chroma cannot hold, such as those of several passages",
    )
    .action(async (flags: MigrateFlags, command: Command) => {
      if (flags.back) return runMigrateBack(flags, command, context);
      assertForward(flags);
      const source = await openSource(sourceOptions(flags));
      const proposed = await proposeMappingFile(source, flags, command);
      if (flags.dryRun) return context.finish(await dryRun(source, flags, { command, proposed }));
      if (proposed) await confirmMapping(proposed, command);
      const { reEmbed, model, prune = false, discardChanges = false } = flags;
      const { json } = command.optsWithGlobals();
      await runWithReport({ ...flags, map: proposed?.file ?? flags.map }, command, {
        context,
        source,
        schema: "always",
        run: (services, source, options) =>
          migrate(services, source, {
            ...options,
            reEmbed,
            model,
            prune,
            discardChanges,
            onPlan: json ? undefined : (plan) => printPlan(plan, services.embedders.notice),
          }),
      });
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
    console.error(`  ${group.length === 1 && first ? first.source.name : `${group.length} collections`}: ${why}.`);
  }
  for (const { source, problem, blocking } of unmapped)
    if (!blocking) console.error(`  Unmapped: ${pathOf(source)}. ${problem}`);
  for (const collection of collections) if (collection.notice) console.error(`  Notice: ${collection.notice}`);
  if (notice && collections.some(({ vectors }) => vectors === "embed")) console.error(`  ${notice}`);
}

/** Throws `invalid_input` for an option of the other direction. */
function assertForward({ skipDocuments }: MigrateFlags): void {
  if (skipDocuments)
    throw new AppError("invalid_input", "--skip-documents can only be used with --back.", { path: "--skip-documents" });
}
