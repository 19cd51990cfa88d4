import type { RecordSet } from "../datasets/records.ts";
import type { Distances } from "../datasets/truth.ts";
import type { Cairn } from "../support/cairn.ts";
import type { ChromaCollection } from "../support/chroma.ts";
import type { BenchRun } from "../support/run.ts";

/** One set in Cairn and in Chroma. */
export interface RealContext extends BenchRun {
  readonly set: RecordSet;
  /** The true distances of its queries. */
  readonly distances: Distances;
  readonly dimensions: number;
  readonly cairn: Cairn;
  readonly tenantId: string;
  readonly chroma: ChromaCollection;
  restartChroma(): Promise<void>;
  /** Seconds of Cairn's index build. */
  readonly buildSeconds: number;
}
