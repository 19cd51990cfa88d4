import type { Collection } from "@cairn/core/collection/collection.ts";
import type { ToChromaContext } from "../gateway/replicate/context.ts";

/** The progress of one collection. */
export interface BackProgress {
  /** Name in Cairn. */
  readonly collection: string;
  readonly pass: number;
  /** Documents that were compared, and written if they differed. */
  readonly done: number;
  readonly total: number;
  readonly ended: boolean;
}

/** Both sides and the settings of a run. */
export interface BackContext extends ToChromaContext {
  /** Parts of a collection that are compared at the same time, after the first pass. */
  readonly concurrency: number;
  /** Whether records that only Chroma has are deleted. */
  readonly prune: boolean;
  /** Whether documents that Chroma cannot hold are left out. */
  readonly skipDocuments: boolean;
  readonly onProgress: (progress: BackProgress) => void;
  readonly signal: AbortSignal | undefined;
  countDocuments(collection: Collection): Promise<number>;
}
