import { prepareReport, writeReport } from "@cairn/chroma/report/write.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import { VERSION } from "@cairn/core/version.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { databaseName, withServices } from "../open.ts";
import { paragraph, printJson } from "../terminal/print.ts";
import { addChromaOptions, type ChromaFlags, planOptions, scopeOptions, sourceOptions } from "./options.ts";
import { printOutcome } from "./outcome.ts";
import { showProgress } from "./progress.ts";
import { verdictCode } from "./verdict-code.ts";

const HELP = `
Compare every record of a Chroma server with Postgres, in both directions: ids, texts, metadata, URIs and vectors. Search
results are compared with Chroma's results and with exact search. Only the report is written, so the command can be run at any
time. Set --pattern, --map and --only as for the migration.`;

export function addVerify(program: Command, { signal, finish }: CommandContext): void {
  addChromaOptions(
    program
      .command("verify")
      .summary("Compare a Chroma server with Postgres without changing either")
      .description(paragraph(HELP)),
  ).action(async (flags: ChromaFlags, command: Command) => {
    const source = await openSource(sourceOptions(flags));
    const plan = await planOptions(flags);
    await prepareReport(flags.report);
    const report = await withServices(command, async (services, config) => {
      const progress = showProgress(config.json);
      try {
        return await verify(services, source, {
          ...plan,
          scope: scopeOptions(flags),
          queries: flags.queries,
          pageSize: flags.pageSize,
          concurrency: flags.concurrency,
          databaseName: databaseName(config),
          cairnVersion: VERSION,
          signal,
          onProgress: progress.show,
        });
      } finally {
        progress.stop();
      }
    });
    const written = await writeReport(report, flags.report);
    const files = [written.html, written.json].filter((file) => file !== undefined);
    if (command.optsWithGlobals().json) printJson({ ...report, files });
    else printOutcome(report, files);
    finish(verdictCode(report.verdict));
  });
}
