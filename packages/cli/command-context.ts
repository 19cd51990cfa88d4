/** What a command needs beside its own arguments. */
export interface CommandContext {
  /** Ends the work between two pages. */
  readonly signal: AbortSignal;
  /** Sets the exit code of a command that did not fail. */
  readonly finish: (exitCode: number) => void;
}
