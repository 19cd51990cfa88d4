import { type BackPlan, migrateBack } from "@cairn/chroma/back/migrate-back.ts";
import type { BackReport } from "@cairn/chroma/back/report.ts";
import { pathOf } from "@cairn/chroma/protocol/path.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import { openTarget } from "@cairn/chroma/target/http-target.ts";
import { AppError } from "@cairn/core/error.ts";
import { VERSION } from "@cairn/core/version.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { chooseTenant, databaseName, withServices } from "../open.ts";
import { count } from "../terminal/counts.ts";
import { duration, printJson, visible } from "../terminal/print.ts";
import { type ChromaFlags, planOptions, sourceOptions } from "./options.ts";
import { showProgress } from "./progress.ts";
import { EXIT_CODES } from "./run.ts";

export interface BackFlags extends ChromaFlags {
  readonly prune?: boolean;
  readonly skipDocuments?: boolean;
}

/** Options of `cairn migrate` that have no meaning in this direction. */
const FORWARD_ONLY = [
  "chromaTenant",
  "chromaDatabase",
  "sourceModel",
  "queries",
  "report",
  "pageSize",
  "reEmbed",
  "model",
  "discardChanges",
  "dryRun",
];

/** Writes a tenant's data to a Chroma server, prints the result, and sets the exit code of its verdict. */
export async function runMigrateBack(flags: BackFlags, command: Command, context: CommandContext): Promise<void> {
  assertUsable(flags, command);
  const [source, target] = [await openSource(sourceOptions(flags)), await openTarget(sourceOptions(flags))];
  const { patterns, mapping, only } = await planOptions(flags);
  const { json } = command.optsWithGlobals();
  const report = await withServices(command, async (services, config) => {
    const tenant = await chooseTenant(services, flags.tenant);
    const progress = showProgress(json);
    const { prune, skipDocuments, concurrency } = flags;
    try {
      return await migrateBack({ database: services.database, source, target }, tenant, {
        patterns,
        mapping,
        only,
        prune,
        skipDocuments,
        concurrency,
        databaseName: databaseName(config),
        cairnVersion: VERSION,
        signal: context.signal,
        onPlan: json ? undefined : (plan) => printPlan(plan, skipDocuments),
        onProgress: ({ collection, ended, pass, done, total }) =>
          progress.show({
            id: collection,
            collection,
            tenant: tenant.name,
            phase: ended ? "done" : pass === 1 ? "copy" : "verify",
            pass,
            done,
            total,
          }),
      });
    } finally {
      progress.stop();
    }
  });
  if (json) printJson(report);
  else printReport(report);
  context.finish(EXIT_CODES[report.verdict]);
}

function assertUsable({ tenant }: BackFlags, command: Command): void {
  if (tenant === undefined)
    throw new AppError("invalid_input", "--back writes the data of one tenant. Name it with --tenant.", {
      path: "--tenant",
    });
  const name = FORWARD_ONLY.find((option) => command.getOptionValueSource(option) === "cli");
  const flag = name && command.options.find((option) => option.attributeName() === name)?.long;
  if (flag) throw new AppError("invalid_input", `${flag} cannot be used with --back. Omit it.`, { path: flag });
}

/** Entries of a list that are printed. The JSON has more. */
const MAX_PRINTED = 20;

/** Prints what is written. Without `skipDocuments`, documents that are left out are an error, which lists them. */
function printPlan({ collections, leftOut, leftOutCount }: BackPlan, skipDocuments = false): void {
  console.error(`${count(collections.length, "collection")} to write to Chroma.`);
  for (const { cairn, path, existing, origin } of collections.slice(0, MAX_PRINTED))
    console.error(`  ${visible(cairn.name)} → ${pathOf(path)} (${ORIGINS[origin]}${existing ? "" : ", new"})`);
  printMore(collections.length, console.error);
  if (leftOutCount === 0 || !skipDocuments) return;
  console.error(`${count(leftOutCount, "document")} that Chroma cannot hold, and that are left out:`);
  printLeftOut(leftOut, leftOutCount, console.error);
}

const ORIGINS = {
  mapping: "by --map",
  cutover: "as in the cut-over",
  namespace: "as in its namespace",
  migration: "where it came from",
  pattern: "by the pattern",
} as const;

type Print = (line: string) => void;

function printLeftOut(leftOut: BackPlan["leftOut"], total: number, print: Print): void {
  for (const { collection, id, reason, detail } of leftOut.slice(0, MAX_PRINTED))
    print(`  ${visible(collection)}  ${visible(id, 40)}  ${reason}: ${detail}`);
  printMore(total, print);
}

function printMore(total: number, print: Print): void {
  if (total > MAX_PRINTED) print(`  … and ${total - MAX_PRINTED} more`);
}

function printReport(report: BackReport): void {
  const { totals, collections, leftOut, verdict } = report;
  const { documents, equal, records, written, deleted, extra } = totals;
  console.log(
    `\n${HEADLINES[verdict]}: ${equal} of ${count(documents, "document")} in ${count(collections.length, "collection")} equal in Chroma, which has ${count(records, "record")}.`,
  );
  console.log("Every id, text, metadata value, URI and vector was compared, in both directions.");
  console.log(`${count(written, "record")} written, ${deleted} deleted.`);
  if (totals.leftOut > 0) {
    console.log(`Left out: ${totals.leftOut}`);
    printLeftOut(leftOut, totals.leftOut, console.log);
  }
  for (const { collection, problems, extra: own } of collections) {
    for (const problem of problems) console.log(`  ${visible(collection)}: ${problem}`);
    if (own > 0) console.log(`  ${visible(collection)}: ${count(own, "record")} that only Chroma has`);
  }
  if (extra > 0) console.log(`Next: to delete the ${count(extra, "record")} that only Chroma has, use --prune.`);
  console.log(`Took ${duration(report.seconds)}.`);
}

const HEADLINES = {
  identical: "Identical",
  identical_with_exceptions: "Identical, with exceptions",
  not_identical: "Not identical",
} as const;
