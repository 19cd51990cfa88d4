import { existsSync } from "node:fs";
import { join } from "node:path";
import { describeDryRun } from "@cairn/chroma/plan/describe.ts";
import { planSource, type SourcePlan } from "@cairn/chroma/plan/plan-source.ts";
import { type Preflight, preflight } from "@cairn/chroma/plan/preflight.ts";
import { pathOf } from "@cairn/chroma/protocol/path.ts";
import { labelCollections } from "@cairn/chroma/source/label.ts";
import type { Source } from "@cairn/chroma/source/source.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { schemaStatus } from "@cairn/core/database/schema-migrations.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import type { Command } from "commander";
import { parseConfig } from "../config.ts";
import { EXIT } from "../exit.ts";
import { embedderOptions, withServices } from "../open.ts";
import { count } from "../terminal/counts.ts";
import { bytes, duration, printJson, printTable, visible } from "../terminal/print.ts";
import type { ProposedMapping } from "./choose-mapping.ts";
import { type ChromaFlags, planOptions, type WriteFlags } from "./options.ts";
import { showProgress } from "./progress.ts";

interface DryRunOptions {
  readonly command: Command;
  /** The mapping that the plan uses and that is not confirmed; undefined: the one of the flags. */
  readonly proposed: ProposedMapping | undefined;
}

/**
 * Prints what is in Chroma and what a migration would do with it. Writes nothing to a database and creates none. Returns
 * the exit code.
 */
export async function dryRun(
  source: Source,
  requested: ChromaFlags & WriteFlags,
  { command, proposed }: DryRunOptions,
): Promise<number> {
  const config = parseConfig(command.optsWithGlobals());
  const flags = { ...requested, map: proposed?.file ?? requested.map };
  const isNew = !config.databaseUrl && !existsSync(join(config.directory, "postgres"));
  const { plan, notices } = isNew
    ? await makePlan(flags, source, undefined, command)
    : await withServices(command, async ({ database }) => makePlan(flags, source, database, command), {
        schema: "never",
      });
  const progress = showProgress(config.json);
  const { results, failed } = await preflight(source, plan, {
    pageSize: flags.pageSize,
    onProgress: (event) =>
      progress.show({ ...event, tenant: "", phase: event.done === event.total ? "done" : "verify", pass: 1 }),
  });
  progress.stop();
  if (config.json)
    printJson({ ...describeDryRun({ plan, results, failed }), notices, proposedMapping: proposed?.file });
  else {
    printPreflight(plan, results, notices);
    for (const { source, detail } of failed) console.log(`Unreadable: ${pathOf(source)}. ${detail}`);
    console.log(describeNextStep(plan, proposed));
  }
  // The exit code that the migration would have.
  if (proposed || plan.unmapped.some(({ blocking }) => blocking)) return EXIT.usage;
  return plan.unmapped.length + plan.deleted.length + failed.length > 0 ? EXIT.notIdentical : EXIT.done;
}

async function makePlan(
  flags: ChromaFlags & WriteFlags,
  source: Source,
  database: Database | undefined,
  command: Command,
): Promise<{ readonly plan: SourcePlan; readonly notices: readonly string[] }> {
  const embedders = createEmbedders(embedderOptions(parseConfig(command.optsWithGlobals())));
  const schema = database && (await schemaStatus(database));
  const isOutdated = schema !== undefined && schema.pending.length > 0;
  const plan = await planSource(
    source,
    { database: isOutdated ? undefined : database, embedders },
    {
      ...(await planOptions(flags)),
      reEmbed: flags.reEmbed,
      model: flags.model,
      discardChanges: flags.discardChanges,
    },
  );
  const schemaNotice = isOutdated && schema.applied.length > 0 ? [OUTDATED_SCHEMA] : [];
  return { plan, notices: [...schemaNotice, ...plan.collections.flatMap(({ notice }) => notice ?? [])] };
}

const OUTDATED_SCHEMA =
  "The plan ignores the collections that are in the database already, because its schema has an older version. Run cairn db migrate first to include them.";

function printPreflight(
  { unmapped, skipped, deleted, listed }: SourcePlan,
  results: readonly Preflight[],
  notices: readonly string[],
): void {
  const label = labelCollections(listed);
  printTable(
    results.map(({ planned: { source, targetPath, model, vectors }, ...found }) => ({
      collection: label(source),
      records: found.count,
      dimensions: source.dimensions,
      metric: source.metric,
      "Chroma's model": source.model ?? "unknown",
      "no text": found.nullDocuments,
      "odd metadata": found.oddMetadata,
      quarantined: Object.values(found.quarantined).reduce((sum, records) => sum + records, 0),
      unreadable: found.unreadable.length,
      tenant: targetPath.tenant,
      target: targetPath.collection,
      vectors: vectors === "copy" ? "copied" : `embedded: ${model}`,
      size: bytes(found.bytes),
      time: duration(found.seconds),
    })),
  );
  const total = (pick: (result: Preflight) => number) => results.reduce((sum, result) => sum + pick(result), 0);
  console.log(
    `\n${count(
      total((result) => result.count),
      "record",
    )} in ${count(results.length, "collection")}, about ${bytes(total((result) => result.bytes))} in Postgres and ${duration(total((result) => result.seconds))} to copy${results.some(({ planned }) => planned.vectors === "embed") ? ", plus the time of the embedding model" : ""}.`,
  );
  for (const [why, group] of Map.groupBy(results, ({ planned }) => planned.why))
    console.log(`${count(group.length, "collection")}: ${why}.`);
  for (const reason of new Set(results.flatMap(({ quarantined }) => Object.keys(quarantined))))
    console.log(
      `${count(
        total(({ quarantined }) => quarantined[reason] ?? 0),
        "record",
      )} will be quarantined (${reason}): stored without a vector and listed.`,
    );
  for (const { planned, unreadable } of results)
    if (unreadable.length > 0)
      console.log(
        `Chroma cannot return records of ${label(planned.source)}: ${unreadable
          .slice(0, 10)
          .map((id) => visible(id, 60))
          .join(", ")}${unreadable.length > 10 ? ", … (all with --json)" : ""}`,
      );
  if (skipped.length > 0) console.log(`Left out: ${skipped.map(label).join(", ")}`);
  for (const notice of notices) console.log(`Notice: ${notice}`);
  for (const { source, detail } of deleted) console.log(`Stays deleted: ${pathOf(source)}. ${detail}`);
  for (const { source, problem } of unmapped) console.log(`Unmapped: ${pathOf(source)}. ${problem}`);
}

function describeNextStep({ unmapped }: SourcePlan, proposed: ProposedMapping | undefined): string {
  if (unmapped.some(({ blocking }) => blocking))
    return "Resolve the unmapped collections, then run the command without --dry-run.";
  const nothing = "Nothing was written to a database.";
  return proposed
    ? `${nothing} The mapping in ${proposed.file} is a proposal. Check it, edit it if necessary, and migrate:\n  ${proposed.command}`
    : `${nothing} Run the command without --dry-run to migrate.`;
}
