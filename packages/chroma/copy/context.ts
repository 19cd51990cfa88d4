import type { Services } from "@cairn/core/services.ts";
import type { Run } from "../ledger/run.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import type { Source } from "../source/source.ts";
import type { PageMemory } from "./memory.ts";
import type { Limit } from "./page.ts";

/** The services, settings and limits of a migration. */
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
  /** Records in one request to Chroma. */
  readonly pageSize: number;
  /** Concurrent requests to Chroma, over all collections. */
  readonly concurrency: number;
  /** Deletes records that a migration wrote and Chroma no longer has. Changes made in Cairn are kept. */
  readonly prune: boolean;
  /** Makes the target equal to the source: reverts what was added, edited and deleted in Cairn, and prunes. */
  readonly discardChanges: boolean;
  /** Maximum number of passes over a collection while Chroma keeps changing. */
  readonly maxPasses: number;
}

/** What the progress of a collection says about it. */
export function progressSubject({ source, targetPath }: PlannedCollection) {
  return { id: source.id, collection: source.name, tenant: targetPath.tenant };
}

/** The progress of one collection. */
export interface ProgressEvent {
  /** Id of the source collection. Its name may not be unique. */
  readonly id: string;
  readonly collection: string;
  readonly tenant: string;
  readonly phase: "copy" | "verify" | "done" | "index" | "failed";
  /** Why the collection failed. */
  readonly detail?: string;
  readonly pass: number;
  readonly done: number;
  readonly total: number;
}
