import { stringifyJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { type Command, CommanderError } from "commander";
import { EXIT, exitCode } from "./exit.ts";
import { createProgram } from "./program.ts";
import { inCommandWords } from "./terminal/wording.ts";

/** Runs the command line and returns the exit code. Ctrl-C stops between pages or batches; a second one at once. */
export async function main(args: readonly string[]): Promise<number> {
  const interrupted = new AbortController();
  const onSignal = () => {
    if (interrupted.signal.aborted) {
      console.error("stopped");
      process.exit(EXIT.stopped);
    }
    interrupted.abort(new AppError("source_unavailable", STOPPED));
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  let code: number = EXIT.done;
  const program = createProgram({
    signal: interrupted.signal,
    finish: (value) => {
      code = value;
    },
  });
  let command: Command | undefined;
  program.hook("preAction", (_, action) => {
    command = action;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    if (interrupted.signal.aborted) console.error("stopped");
    return code;
  } catch (error) {
    if (interrupted.signal.aborted) return reportStop(error, args.includes("--json"));
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.done;
      if (args.includes("--json")) printError("invalid_input", error.message.replace(/^error: /, ""));
      return EXIT.usage;
    }
    report(error, { json: args.includes("--json"), command });
    return exitCode(error);
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

interface Reporting {
  readonly json: boolean;
  /** The one that failed; undefined where none was reached. */
  readonly command: Command | undefined;
}

const STOPPED = "Stopped. Run the same command again: it goes on where it was.";

/** Whatever a command fails with once it is to stop, it was stopped; its own words say what goes on without it. */
function reportStop(error: unknown, json: boolean): number {
  const own = error instanceof AppError && /^stopped/i.test(error.message) ? error.message : STOPPED;
  if (json) printError("stopped", own);
  else console.error(own.replace(/^Stopped/, "stopped"));
  return EXIT.stopped;
}

function report(error: unknown, { json, command }: Reporting): void {
  const known = error instanceof AppError ? inCommandWords(error, command) : undefined;
  const code = error instanceof AppError ? error.code : "internal";
  const message =
    known?.message ??
    `Something went wrong that should not. Try again; if it stays, report it with this: ${error instanceof Error ? (error.stack ?? error.message) : error}`;
  if (json) printError(code, message, known?.path);
  else console.error(`error (${code}): ${message}`);
}

function printError(code: string, message: string, path?: string): void {
  console.log(stringifyJson({ error: { code, message, path } }, 2));
}
