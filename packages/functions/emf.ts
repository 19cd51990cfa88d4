import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { Observer } from "@cairn/api/telemetry/record.ts";

/** Metrics as CloudWatch reads them out of the log: one line a request, by route and status class. */
export function createEmf(): Observer {
  const metrics = new Metrics({ namespace: "Cairn", serviceName: "api" });
  return ({ route, status, ms, tokens, rows }) => {
    const single = metrics.singleMetric();
    single.addDimension("route", route);
    single.addDimension("status", `${Math.floor(status / 100)}xx`);
    single.addMetadata("tokens", String(tokens));
    if (rows !== undefined) single.addMetadata("rows", String(rows));
    single.addMetric("milliseconds", MetricUnit.Milliseconds, ms);
  };
}
