import { describeDifference } from "@cairn/core/evaluation/bootstrap.ts";
import type { EvaluateOptions } from "@cairn/core/evaluation/evaluate.ts";
import type { EvaluationSummary } from "@cairn/core/evaluation/run.ts";
import { count } from "../terminal/counts.ts";
import { showIngestProgress } from "../terminal/ingest-progress.ts";
import { duration, printTable } from "../terminal/print.ts";

/** Prints the variants as a table, with the differences of nDCG from the baseline. */
export function printEvaluation({ variants, cutoff, questions, baseline, seconds }: EvaluationSummary): void {
  printTable(
    variants.map(({ name, totals, latency, tokens, differences }) => ({
      variant: name,
      [`nDCG@${cutoff}`]: totals.ndcg.toFixed(3),
      [`recall@${cutoff}`]: totals.recall.toFixed(3),
      MRR: totals.mrr.toFixed(3),
      "hit rate": totals.hit.toFixed(3),
      empty: Math.round(totals.empty * questions),
      "p50 ms": latency.p50.toFixed(1),
      "p95 ms": latency.p95.toFixed(1),
      tokens,
      [`nDCG to ${baseline}`]: differences ? describeDifference(differences.ndcg) : "",
    })),
  );
  console.log(
    `${count(questions, "question")} in ${duration(seconds)}. ± is half of the 95 % interval of a paired bootstrap. Latency is that of the search alone.`,
  );
}

/** Shows the progress of an evaluation on standard error. */
export function showEvaluationProgress(options: { readonly quiet: boolean }): {
  readonly onProgress: EvaluateOptions["onProgress"];
  stop(): void;
} {
  const progress = showIngestProgress(options);
  return {
    onProgress: ({ phase, done, total }) =>
      progress.phase(`${phase === "embed" ? "embedding" : "searching"}: ${done} of ${count(total, "question")}`),
    stop: progress.stop,
  };
}
