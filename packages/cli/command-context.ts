/** What every command gets from the process, in addition to its own arguments. */
export interface CommandContext {
  /** Aborts when the user stops the command. Long commands stop between two pages or batches. */
  readonly signal: AbortSignal;
  /** Sets the exit code of a command that did not throw. */
  readonly finish: (exitCode: number) => void;
  /** Runs another command and returns its exit code. */
  readonly run: (args: readonly string[]) => Promise<number>;
}
