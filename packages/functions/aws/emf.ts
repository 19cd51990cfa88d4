import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { Observer } from "@cairn/api/telemetry/record.ts";
import type { SetResult } from "@cairn/core/evaluation/run-set.ts";

/** An observer that logs metrics in CloudWatch's embedded metric format: one line for each request, by route and status class. */
export function createEmf(): Observer {
  const metrics = new Metrics({ namespace: "Cairn", serviceName: "api" });
  return ({ route, status, ms, tokens, rows, ...models }) => {
    metrics.addDimension("route", route);
    metrics.addDimension("status", `${Math.floor(status / 100)}xx`);
    metrics.addMetric("milliseconds", MetricUnit.Milliseconds, ms);
    // CloudWatch charges for each metric of each route, so metrics without a value are left out.
    if (tokens > 0) metrics.addMetric("tokens", MetricUnit.Count, tokens);
    if (models.input_tokens) metrics.addMetric("input_tokens", MetricUnit.Count, models.input_tokens);
    if (models.output_tokens) metrics.addMetric("output_tokens", MetricUnit.Count, models.output_tokens);
    if (models.rerank_tokens) metrics.addMetric("rerank_tokens", MetricUnit.Count, models.rerank_tokens);
    if (models.rerank_failures) metrics.addMetric("rerank_failures", MetricUnit.Count, models.rerank_failures);
    if (rows !== undefined) metrics.addMetric("rows", MetricUnit.Count, rows);
    metrics.publishStoredMetrics();
  };
}

/** Logs the number of drops in a scheduled evaluation as a metric, for the alarm. */
export function createEvaluationEmf(): (result: Pick<SetResult, "drops">) => void {
  const metrics = new Metrics({ namespace: "Cairn", serviceName: "evaluation" });
  return ({ drops }) => {
    metrics.addMetric("quality_drops", MetricUnit.Count, drops.length);
    metrics.publishStoredMetrics();
  };
}
