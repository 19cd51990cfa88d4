import type { BenchRun } from "../bench.ts";
import { round } from "../support/measure.ts";
import { report, type Section, type Target } from "../support/results.ts";
import type { Seen } from "../tenants.ts";
import { leastRatio, ratiosOf } from "./ratios.ts";

export async function reportRecall(seen: readonly Seen[], run: BenchRun): Promise<readonly Target[]> {
  const table = seen.map(({ tenant, filtered, recalls: [own, chroma] }) => ({
    "rows of the tenant": tenant.rows,
    "recall@10": round(own, 4),
    ...Object.fromEntries(filtered.map(({ percent, recall }) => [`filter ${percent} %`, round(recall, 4)])),
    "Chroma's, a collection each": round(chroma, 4),
  }));
  const targets: readonly Target[] = [
    {
      what: "least mean recall@10 of any tenant size, with and without filters",
      value: round(
        Math.min(
          ...seen.flatMap(({ filtered, recalls: [own] }) => [own, ...filtered.map((one) => one.recall)]),
        ),
        4,
      ),
      target: 0.99,
      better: "higher",
      floor: 0.99,
    },
  ];
  await report({ bench: "tenants", title: "What a tenant's search finds, by its size", table, targets }, run);
  return targets;
}

export async function reportLatency(
  seen: readonly Seen[],
  { profiles, ...run }: BenchRun & Pick<Section, "profiles">,
): Promise<readonly Target[]> {
  const table = seen.map((one) => ({
    "rows of the tenant": one.tenant.rows,
    "p50, ms": round(one.own.p50),
    "p95, ms": round(one.own.p95),
    "Chroma each, p50": round(one.each.p50),
    "Chroma each, p95": round(one.each.p95),
    "Chroma where, p50": round(one.where.p50),
    "Chroma where, p95": round(one.where.p95),
    "each / Cairn, p50": round(ratiosOf(one).each.p50),
    "each / Cairn, p95": round(ratiosOf(one).each.p95),
    "where / Cairn, p50": round(ratiosOf(one).where.p50),
    "where / Cairn, p95": round(ratiosOf(one).where.p95),
  }));
  const targets: readonly Target[] = [
    {
      what: "Chroma's latency / Cairn's, the least of every row, p50 and p95",
      value: round(Math.min(...seen.map(leastRatio))),
      target: 1,
      better: "higher",
      usual: 1,
    },
  ];
  const points = (way: "own" | "each" | "where") =>
    seen.map((one) => [one.tenant.rows, one[way].p50] as const);
  await report(
    {
      bench: "tenants",
      title: "How long a tenant's search takes, by its size, all tenants in one database",
      table,
      targets,
      profiles,
      plots: [
        {
          title: "Median latency by tenant size",
          x: { label: "rows of the tenant", log: true },
          y: { label: "p50, ms", log: true },
          series: [
            { name: "Cairn", points: points("own") },
            { name: "Chroma, a collection each", points: points("each") },
            { name: "Chroma, one collection and where", points: points("where") },
          ],
        },
      ],
    },
    run,
  );
  return targets;
}

export async function reportFilters(seen: readonly Seen[], run: BenchRun): Promise<readonly Target[]> {
  const rows = seen.flatMap(({ tenant, filtered }) =>
    filtered.map((one) => ({ ...one, rows: tenant.rows, ratio: one.each.p50 / one.p50 })),
  );
  const table = rows.map(({ rows, percent, p50, p95, each, ratio }) => ({
    "rows of the tenant": rows,
    "pass the filter, %": percent,
    "p50, ms": round(p50),
    "p95, ms": round(p95),
    "Chroma each, p50": round(each.p50),
    "Chroma each, p95": round(each.p95),
    "each / Cairn, p50": round(ratio),
  }));
  const targets: readonly Target[] = [
    {
      what: "Chroma's latency / Cairn's with a filter, the least of every row, p50",
      value: round(Math.min(...rows.map(({ ratio }) => ratio))),
      target: 1,
      better: "higher",
      usual: 1,
    },
  ];
  await report({ bench: "tenants", title: "How long a search with a filter takes", table, targets }, run);
  return targets;
}
