import { Badge, type Tone } from "../../components/badge.tsx";
import type { Migration, Verdict } from "./api.ts";

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

/** The share that is done, 0 to 1. Undefined: not known yet. */
export function shareDone({ counts, dry_run: isDryRun }: Migration): number | undefined {
  const { collections = 0, finished = 0, records = 0, of = 0 } = counts;
  // A dry run learns the number of records only when it reads a collection.
  const [done, total] = isDryRun ? [finished, collections] : [records, of];
  return total > 0 ? Math.min(1, done / total) : undefined;
}
