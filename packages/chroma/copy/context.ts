import type { Services } from "@cairn/core/services.ts";
import type { Run } from "../ledger/run.ts";
import type { Source } from "../source/source.ts";
import type { PageMemory } from "./memory.ts";
import type { Limit } from "./page.ts";

/** What a migration works with, handed down from its start. */
export interface CopyContext {
  readonly services: Services;
  readonly source: Source;
  readonly run: Run;
  readonly settings: CopySettings;
  readonly limit: Limit;
  readonly memory: PageMemory;
  readonly onProgress: (event: ProgressEvent) => void;
  readonly signal: AbortSignal | undefined;
}

export interface CopySettings {
  /** Records a request to Chroma. */
  readonly pageSize: number;
  /** Requests to Chroma under way at once, over all collections. */
  readonly concurrency: number;
  /** Deletes what a migration wrote and Chroma has no longer. What was changed in Cairn stays. */
  readonly prune: boolean;
  /** Makes the target equal: undoes what was added, edited and deleted in Cairn, and prunes. */
  readonly discardChanges: boolean;
  /** Passes over a collection at most, while Chroma keeps changing. */
  readonly maxPasses: number;
}

/** How far one collection is. */
export interface ProgressEvent {
  /** Id of the source collection: its name may be that of others. */
  readonly id: string;
  readonly collection: string;
  readonly tenant: string;
  readonly phase: "copy" | "verify" | "done" | "index" | "failed";
  /** Why it failed. */
  readonly detail?: string;
  readonly pass: number;
  readonly done: number;
  readonly total: number;
}
