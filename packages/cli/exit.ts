import type { Verdict } from "@cairn/chroma/report/report.ts";
import { AppError } from "@cairn/core/error.ts";

/** What `cairn` ends with. */
export const EXIT = {
  /** Done; after a migration or verification: identical. */
  done: 0,
  failure: 1,
  usage: 2,
  /** Identical but for records that were set aside and are listed. */
  exceptions: 3,
  notIdentical: 4,
  /** Another run holds the source. */
  held: 5,
  /** Stopped by Ctrl-C or SIGTERM: 128 and the number of SIGINT, as shells have it. */
  stopped: 130,
} as const;

/** The exit code of an error. */
export function exitCode(error: unknown): number {
  if (!(error instanceof AppError)) return EXIT.failure;
  if (error.code === "run_held") return EXIT.held;
  return error.code === "invalid_input" || error.code === "invalid_filter" ? EXIT.usage : EXIT.failure;
}

/** The exit code of a migration's or verification's verdict. */
export function verdictCode(verdict: Verdict): number {
  if (verdict === "identical") return EXIT.done;
  return verdict === "identical_with_exceptions" ? EXIT.exceptions : EXIT.notIdentical;
}
