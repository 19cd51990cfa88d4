import { stringifyJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { type Command, CommanderError } from "commander";
import { EXIT, exitCode } from "./exit.ts";
import { createProgram } from "./program.ts";
import { inCommandTerms } from "./terminal/wording.ts";

/**
 * Runs the command line and returns the exit code. Ctrl-C stops the command between two pages or batches. A second Ctrl-C
 * ends the process at once.
 */
export async function main(args: readonly string[]): Promise<number> {
  const interrupted = new AbortController();
  const onSignal = () => {
    if (interrupted.signal.aborted) {
      console.error("stopped");
      process.exit(EXIT.stopped);
    }
    interrupted.abort(new AppError("source_unavailable", STOP_MESSAGE));
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  let code: number = EXIT.done;
  const program = createProgram({
    signal: interrupted.signal,
    finish: (value) => {
      code = value;
    },
    run: main,
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
    reportError(error, { json: args.includes("--json"), command });
    return exitCode(error);
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

interface ReportOptions {
  readonly json: boolean;
  /** The command that failed; undefined if the arguments name none. */
  readonly command: Command | undefined;
}

const STOP_MESSAGE = "Stopped. Run the same command again to continue.";

/**
 * Reports a stopped command and returns its exit code. Any error after the stop counts as the stop. A command can throw a
 * message of its own that begins with "Stopped" and says what continues without it.
 */
function reportStop(error: unknown, json: boolean): number {
  const message = error instanceof AppError && /^stopped/i.test(error.message) ? error.message : STOP_MESSAGE;
  if (json) printError("stopped", message);
  else console.error(message.replace(/^Stopped/, "stopped"));
  return EXIT.stopped;
}

function reportError(error: unknown, { json, command }: ReportOptions): void {
  const expected = error instanceof AppError ? inCommandTerms(error, command) : undefined;
  const code = error instanceof AppError ? error.code : "internal";
  const message =
    expected?.message ??
    `The command failed with an unexpected error. Try again. If it fails again, report it with this stack trace: ${error instanceof Error ? (error.stack ?? error.message) : error}`;
  if (json) printError(code, message, expected?.path);
  else console.error(`error (${code}): ${message}`);
}

function printError(code: string, message: string, path?: string): void {
  console.log(stringifyJson({ error: { code, message, path } }, 2));
}
