import { explainSearch } from "@cairn/core/search/explain.ts";
import type { Cairn } from "../support/cairn.ts";
import { round } from "../support/measure.ts";
import type { Section } from "../support/section.ts";
import type { TenantMeasurement } from "./measurement.ts";
import { latencyRatios, lowestRatio } from "./ratios.ts";

/** Query plans of searches for which Chroma is faster: for each such tenant the search at the median or the 95th percentile. */
export async function profileSlowSearches(
  cairn: Cairn,
  measurements: readonly TenantMeasurement[],
  queries: readonly Float32Array[],
): Promise<NonNullable<Section["profiles"]>> {
  const profiles: { title: string; lines: readonly string[] }[] = [];
  for (const measurement of measurements.filter((candidate) => lowestRatio(candidate) < 1)) {
    const { perTenant, where } = latencyRatios(measurement);
    const percentile = Math.min(perTenant.p50, where.p50) < 1 ? "p50" : "p95";
    const { tenant, cairn: latencies } = measurement;
    const embedding = queries[latencies.times.indexOf(latencies[percentile])];
    const { steps } = await explainSearch(cairn, tenant.id, { embedding, analyze: true });
    profiles.push({
      title: `${tenant.rows} rows: the search at ${percentile} (${round(latencies[percentile])} ms), repeated with EXPLAIN (ANALYZE, BUFFERS)`,
      lines: steps.flatMap(({ plan }) => plan),
    });
  }
  return profiles;
}
