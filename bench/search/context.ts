import type { Cairn } from "../support/cairn.ts";
import type { ChromaCollection } from "../support/chroma.ts";
import type { Dataset } from "../support/dataset.ts";
import type { BenchRun } from "../support/run.ts";

/** One large collection in Cairn and in Chroma, with the queries for both. */
export interface SearchContext extends BenchRun {
  readonly cairn: Cairn;
  readonly databaseUrl: string;
  readonly tenantId: string;
  readonly chroma: ChromaCollection;
  readonly data: Dataset;
  /** The ten true nearest neighbors of each query. */
  readonly truth: readonly (readonly string[])[];
}
