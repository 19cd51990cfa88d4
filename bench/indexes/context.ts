import type { Cairn } from "../support/cairn.ts";
import type { Dataset } from "../support/dataset.ts";
import type { BenchRun } from "../support/run.ts";

export interface IndexContext extends BenchRun {
  readonly cairn: Cairn;
  readonly data: Dataset;
}
