export interface BenchRun {
  /** Total rows. */
  readonly size: number;
  /** The short form, which detects regressions. */
  readonly quick: boolean;
  /** Description of the machine and the servers. */
  readonly machine: string;
}
