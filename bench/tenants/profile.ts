import { explainSearch } from "@cairn/core/search/explain.ts";
import type { Cairn } from "../support/cairn.ts";
import { round } from "../support/measure.ts";
import type { Section } from "../support/results.ts";
import type { Seen } from "../tenants.ts";
import { leastRatio, ratiosOf } from "./ratios.ts";

/** What one of the slower searches does in Postgres, where Chroma is faster: one at the median, or at the 95th percentile. */
export async function profileSlower(
  cairn: Cairn,
  seen: readonly Seen[],
  queries: readonly Float32Array[],
): Promise<NonNullable<Section["profiles"]>> {
  const profiles: { title: string; lines: readonly string[] }[] = [];
  for (const one of seen.filter((each) => leastRatio(each) < 1)) {
    const { each, where } = ratiosOf(one);
    const percentile = Math.min(each.p50, where.p50) < 1 ? "p50" : "p95";
    const slow = one.own.times.indexOf(one.own[percentile]);
    const embedding = queries[slow];
    const { steps } = await explainSearch(cairn, one.tenant.id, { embedding, analyze: true });
    profiles.push({
      title: `${one.tenant.rows} rows: the search at ${percentile} (${round(one.own[percentile])} ms), again with EXPLAIN (ANALYZE, BUFFERS)`,
      lines: steps.flatMap(({ plan }) => plan),
    });
  }
  return profiles;
}
