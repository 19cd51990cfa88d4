import { AppError } from "@cairn/core/error.ts";
import type { EvaluationSummary } from "@cairn/core/evaluation/run.ts";

/** Flags that make a command fail if the quality is too low. */
export interface GateFlags {
  readonly minNdcg?: number;
  readonly baseline?: string;
  readonly maxDrop?: number;
}

/** Why the evaluation fails the gates, one sentence each. Empty: it passes. */
export function failedGates(
  { variants, cutoff, baseline }: EvaluationSummary,
  { minNdcg, maxDrop }: GateFlags,
): readonly string[] {
  return variants.flatMap(({ name, totals, differences }) => {
    const drop = -(differences?.ndcg.mean ?? 0);
    return [
      ...(minNdcg !== undefined && totals.ndcg < minNdcg
        ? [`nDCG@${cutoff} of ${name} is ${totals.ndcg.toFixed(3)}, less than ${minNdcg}.`]
        : []),
      ...(maxDrop !== undefined && drop > maxDrop
        ? [`nDCG@${cutoff} of ${name} is lower by ${drop.toFixed(3)} than that of ${baseline}, more than ${maxDrop}.`]
        : []),
    ];
  });
}

/** Throws `invalid_input` for `--max-drop` without `--baseline`. */
export function checkGates({ baseline, maxDrop }: GateFlags): void {
  if (maxDrop !== undefined && baseline === undefined)
    throw new AppError("invalid_input", "--max-drop needs --baseline, the name of a variant.", { path: "--max-drop" });
}
