import { prepareReport, writeReport } from "@cairn/chroma/report/write.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import { VERSION } from "@cairn/core/version.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { verdictCode } from "../exit.ts";
import { databaseName, withServices } from "../open.ts";
import { paragraph, printJson } from "../terminal/print.ts";
import { showProgress } from "../terminal/progress.ts";
import {
  addChromaOptions,
  type ChromaFlags,
  planOptions,
  scopeOptions,
  sourceOptions,
} from "./chroma-options.ts";
import { printOutcome } from "./outcome.ts";

const HELP = `
Compares every record of the Chroma server with Postgres, both ways: ids, texts, metadata, URIs, vectors. Compares
searches with Chroma's answers and with the exact ones. Writes nothing but the report, so it can be run at any time.
Use the --pattern, --map and --only of the migration.`;

export function addVerify(program: Command, { signal, finish }: CommandContext): void {
  addChromaOptions(
    program
      .command("verify")
      .summary("compare a Chroma server with what was migrated; writes nothing")
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
