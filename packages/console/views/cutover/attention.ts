import type { Tone } from "../../components/badge.tsx";
import { countOf, formatShare } from "../../components/format.ts";
import { type CutoverSummary, isComparing } from "./api.ts";

/** Why a person should look at a tenant. */
export interface Attention {
  readonly tone: Extract<Tone, "bad" | "warning">;
  readonly title: string;
  readonly reason: string;
}

/** A tenant with what needs attention about it. */
export interface Row {
  readonly summary: CutoverSummary;
  readonly attention: readonly Attention[];
}

/** Seconds that a change may wait, and the share of reads that has to agree, before the next phase. */
const MAX_LAG_SECONDS = 10;
const MIN_AGREEMENT = 0.99;

/** What needs attention, the most urgent first. */
export function attentionOf({ phase, journal, findings, reads, compared }: CutoverSummary): readonly Attention[] {
  const { changes, failing, oldest_seconds: oldest } = journal;
  const other = phase === "cairn" || phase === "done" ? "Chroma" : "Cairn";
  const found: (Attention | false)[] = [
    failing > 0 && {
      tone: "bad",
      title: "Replication fails",
      reason: `${countOf(failing, "change")} could not be written to ${other} and ${failing === 1 ? "is" : "are"} tried again.`,
    },
    reads.agreement !== null &&
      reads.agreement < MIN_AGREEMENT && {
        tone: "bad",
        title: "Reads differ",
        reason: `${formatShare(reads.agreement)} of ${countOf(reads.compared, "compared read")} agree.`,
      },
    findings > 0 && {
      tone: "warning",
      title: "Findings",
      reason: `${countOf(findings, "finding")} ${findings === 1 ? "is" : "are"} not resolved.`,
    },
    failing === 0 &&
      (oldest ?? 0) > MAX_LAG_SECONDS && {
        tone: "warning",
        title: "Replication is behind",
        reason: `${countOf(changes, "change")} for ${other} ${changes === 1 ? "waits" : "wait"}, the oldest for ${formatSeconds(oldest ?? 0)}.`,
      },
    compared !== null &&
      !isComparing(compared) &&
      !compared.identical && {
        tone: "warning",
        title: "Not identical",
        reason: `The last comparison, of ${countOf(compared.records, "record")}, still found differences.`,
      },
  ];
  return found.filter((item) => item !== false);
}

/** `8 s`, `12 min`, `3 h`, `2 d`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)}\u00a0s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)}\u00a0min`;
  return seconds < 129_600 ? `${Math.round(seconds / 3_600)}\u00a0h` : `${Math.round(seconds / 86_400)}\u00a0d`;
}
