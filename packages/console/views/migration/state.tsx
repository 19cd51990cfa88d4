import { Badge, type Tone } from "../../components/badge.tsx";
import type { CollectionProgress, Migration, Verdict } from "./api.ts";

export const VERDICTS: Readonly<Record<Verdict, readonly [Tone, string]>> = {
  identical: ["good", "identical"],
  identical_with_exceptions: ["warning", "identical, with exceptions"],
  not_identical: ["bad", "not identical"],
};

const STATES: Readonly<Record<Migration["status"], readonly [Tone, string]>> = {
  in_progress: ["busy", "in progress"],
  completed: ["good", "completed"],
  failed: ["bad", "failed"],
  cancelled: ["quiet", "cancelled"],
};

/** The verdict of a migration that has ended, or else its status. */
export function State({ migration: { status, verdict } }: { readonly migration: Migration }) {
  const [tone, text] = verdict ? VERDICTS[verdict] : STATES[status];
  return <Badge tone={tone}>{text}</Badge>;
}

/**
 * The share that is done, 0 to 1, each collection counting the same. Undefined: not known yet. `progress`: of the collections in
 * work.
 */
export function shareDone(
  { counts, dry_run: isDryRun }: Migration,
  progress: readonly CollectionProgress[] = [],
): number | undefined {
  const { collections = 0, finished = 0 } = counts;
  if (collections === 0) return undefined;
  const inWork = progress.reduce((sum, collection) => sum + shareOf(collection, isDryRun), 0);
  return Math.min(1, (finished + inWork) / collections);
}

/** A migration reads a collection to copy it, and again to compare it. */
function shareOf({ phase, done, total }: CollectionProgress, isDryRun: boolean): number {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  if (phase === "copy") return isDryRun ? share : share / 2;
  return phase === "verify" ? (1 + share) / 2 : 0;
}
