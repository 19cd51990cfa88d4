import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { Observer } from "@cairn/api/telemetry/record.ts";

/** Metrics as CloudWatch reads them out of the log: one line a request, by route and status class. */
export function createEmf(): Observer {
  const metrics = new Metrics({ namespace: "Cairn", serviceName: "api" });
  return ({ route, status, ms, tokens, rows, ...chat }) => {
    metrics.addDimension("route", route);
    metrics.addDimension("status", `${Math.floor(status / 100)}xx`);
    metrics.addMetric("milliseconds", MetricUnit.Milliseconds, ms);
    // CloudWatch counts each metric of each route, and charges for it: only where there is something to count.
    if (tokens > 0) metrics.addMetric("tokens", MetricUnit.Count, tokens);
    if (chat.input_tokens) metrics.addMetric("input_tokens", MetricUnit.Count, chat.input_tokens);
    if (chat.output_tokens) metrics.addMetric("output_tokens", MetricUnit.Count, chat.output_tokens);
    if (rows !== undefined) metrics.addMetric("rows", MetricUnit.Count, rows);
    metrics.publishStoredMetrics();
  };
}
