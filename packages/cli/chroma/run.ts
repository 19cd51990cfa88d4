import type { MigrationReport } from "@cairn/chroma/report/report.ts";
import { prepareReport, writeReport } from "@cairn/chroma/report/write.ts";
import type { Source } from "@cairn/chroma/source/source.ts";
import type { VerifyOptions } from "@cairn/chroma/verify/verify.ts";
import type { Services } from "@cairn/core/services.ts";
import { VERSION } from "@cairn/core/version.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import type { Config } from "../config.ts";
import { EXIT } from "../exit.ts";
import { databaseName, type OpenOptions, withServices } from "../open.ts";
import { printJson } from "../terminal/print.ts";
import { type ChromaFlags, planOptions } from "./options.ts";
import { printOutcome } from "./outcome.ts";
import { showProgress } from "./progress.ts";

interface RunOptions extends Pick<OpenOptions, "schema"> {
  readonly context: CommandContext;
  readonly source: Source;
  readonly run: (services: Services, source: Source, options: VerifyOptions) => Promise<MigrationReport>;
}

/** Runs a migration or verification with its progress, writes and prints its report, and sets the exit code. */
export async function runWithReport(
  flags: ChromaFlags,
  command: Command,
  { context, source, schema, run }: RunOptions,
): Promise<void> {
  const plan = await planOptions(flags);
  await prepareReport(flags.report);
  const work = async (services: Services, config: Config) => {
    const progress = showProgress(config.json);
    const { queries, pageSize, concurrency } = flags;
    try {
      return await run(services, source, {
        ...plan,
        queries,
        pageSize,
        concurrency,
        databaseName: databaseName(config),
        cairnVersion: VERSION,
        signal: context.signal,
        onProgress: progress.show,
      });
    } finally {
      progress.stop();
    }
  };
  const report = await withServices(command, work, { schema });
  await finishWithReport(report, { path: flags.report, json: command.optsWithGlobals().json, context });
}

interface FinishOptions {
  /** Undefined: no file is written. */
  readonly path: string | undefined;
  readonly json: boolean;
  readonly context: CommandContext;
}

/** Writes and prints a report, and sets the exit code of its verdict. */
export async function finishWithReport(report: MigrationReport, { path, json, context }: FinishOptions): Promise<void> {
  const written = path === undefined ? undefined : await writeReport(report, path);
  const files = [written?.html, written?.json].filter((file) => file !== undefined);
  if (json) printJson({ ...report, files });
  else printOutcome(report, files);
  context.finish(EXIT_CODES[report.verdict]);
}

/** The exit code of each verdict. */
export const EXIT_CODES = {
  identical: EXIT.done,
  identical_with_exceptions: EXIT.exceptions,
  not_identical: EXIT.notIdentical,
} as const satisfies Record<MigrationReport["verdict"], number>;
