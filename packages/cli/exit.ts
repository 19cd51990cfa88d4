import { AppError } from "@cairn/core/error.ts";

/** The exit codes of `cairn`. */
export const EXIT = {
  /** Success. After a migration or verification: both sides are identical. */
  done: 0,
  failure: 1,
  usage: 2,
  /** Identical, except for quarantined records, which are listed. */
  exceptions: 3,
  notIdentical: 4,
  /** Another run holds the lease of the source. */
  leased: 5,
  /** Stopped by Ctrl-C or SIGTERM: 128 plus the number of SIGINT, as in shells. */
  stopped: 130,
} as const;

/** The exit code of an error. */
export function exitCode(error: unknown): number {
  if (!(error instanceof AppError)) return EXIT.failure;
  if (error.code === "run_held") return EXIT.leased;
  return error.code === "invalid_input" || error.code === "invalid_filter" ? EXIT.usage : EXIT.failure;
}
