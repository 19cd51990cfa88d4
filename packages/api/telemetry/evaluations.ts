import { AppError } from "@cairn/core/error.ts";
import type { SetResult } from "@cairn/core/evaluation/run-set.ts";
import type { Log } from "./log.ts";
import type { MetricSample } from "./metric-family.ts";
import type { MetricSource } from "./metrics.ts";

/** Maximum variants of sets whose last result is kept for metrics. The oldest are removed. */
const MAX_SERIES = 1_000;

/** Logs each variant of a scheduled run whose nDCG dropped, with the code `quality_dropped`. */
export function logDrops({ set, drops }: SetResult, log: Pick<Log, "failure">): void {
  for (const { variant, ndcg, before } of drops) {
    const figures = { ndcg: ndcg.toFixed(4), before: before.toFixed(4) };
    const error = new AppError("quality_dropped", "The nDCG of a question set dropped.");
    log.failure(error, { about: "a scheduled evaluation", tenant: set.tenantId, set: set.id, variant, ...figures });
  }
}

/** Keeps the last result of each scheduled set for /metrics, and logs drops. */
export function createEvaluationMonitor(log: Pick<Log, "failure">): {
  readonly observe: (result: SetResult) => void;
  readonly metrics: MetricSource;
} {
  const series = new Map<string, { readonly ndcg: MetricSample; readonly dropped: MetricSample }>();
  return {
    observe(result) {
      logDrops(result, log);
      const { set, evaluation, drops } = result;
      for (const { name, totals } of evaluation.variants) {
        const labels = { tenant: set.tenantId, set: set.id, variant: name };
        const key = JSON.stringify(labels);
        series.delete(key);
        series.set(key, {
          ndcg: { labels, value: totals.ndcg },
          dropped: { labels, value: drops.some(({ variant }) => variant === name) ? 1 : 0 },
        });
        if (series.size > MAX_SERIES) series.delete(series.keys().next().value as string);
      }
    },
    metrics: async () => {
      const all = [...series.values()];
      return [
        {
          name: "cairn_evaluation_ndcg",
          help: "Mean nDCG of the last scheduled run of a question set, by variant.",
          type: "gauge",
          samples: all.map(({ ndcg }) => ndcg),
        },
        {
          name: "cairn_evaluation_dropped",
          help: "1 if that nDCG is lower than in earlier runs by more than the margin of the set, else 0.",
          type: "gauge",
          samples: all.map(({ dropped }) => dropped),
        },
      ];
    },
  };
}
