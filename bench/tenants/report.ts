import { round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { BenchRun } from "../support/run.ts";
import type { Section } from "../support/section.ts";
import type { Target } from "../support/target.ts";
import type { TenantMeasurement } from "./measurement.ts";
import { latencyRatios, lowestRatio } from "./ratios.ts";

export async function reportRecall(
  measurements: readonly TenantMeasurement[],
  run: BenchRun,
): Promise<readonly Target[]> {
  const table = measurements.map(({ tenant, filtered, cairnRecall, chromaRecall }) => ({
    "rows of the tenant": tenant.rows,
    "recall@10": round(cairnRecall, 4),
    ...Object.fromEntries(filtered.map(({ percent, recall }) => [`filter ${percent} %`, round(recall, 4)])),
    "Chroma, collection per tenant": round(chromaRecall, 4),
  }));
  const targets: readonly Target[] = [
    {
      what: "lowest mean recall@10 of any tenant size, with and without filters",
      value: round(
        Math.min(
          ...measurements.flatMap(({ filtered, cairnRecall }) => [
            cairnRecall,
            ...filtered.map(({ recall }) => recall),
          ]),
        ),
        4,
      ),
      target: 0.99,
      better: "higher",
      floor: 0.99,
    },
  ];
  await report({ bench: "tenants", title: "Recall by tenant size", table, targets }, run);
  return targets;
}

export async function reportLatency(
  measurements: readonly TenantMeasurement[],
  { profiles, ...run }: BenchRun & Pick<Section, "profiles">,
): Promise<readonly Target[]> {
  const table = measurements.map((measurement) => {
    const { tenant, cairn, perTenant, where } = measurement;
    const ratios = latencyRatios(measurement);
    return {
      "rows of the tenant": tenant.rows,
      "p50, ms": round(cairn.p50),
      "p95, ms": round(cairn.p95),
      "Chroma per tenant, p50": round(perTenant.p50),
      "Chroma per tenant, p95": round(perTenant.p95),
      "Chroma where, p50": round(where.p50),
      "Chroma where, p95": round(where.p95),
      "per tenant to Cairn, p50": round(ratios.perTenant.p50),
      "per tenant to Cairn, p95": round(ratios.perTenant.p95),
      "where to Cairn, p50": round(ratios.where.p50),
      "where to Cairn, p95": round(ratios.where.p95),
    };
  });
  const targets: readonly Target[] = [
    {
      what: "Chroma's latency to Cairn's, lowest of every tenant size, p50 and p95",
      value: round(Math.min(...measurements.map(lowestRatio))),
      target: 1,
      better: "higher",
      usual: 1,
    },
  ];
  const points = (series: "cairn" | "perTenant" | "where") =>
    measurements.map((measurement) => [measurement.tenant.rows, measurement[series].p50] as const);
  await report(
    {
      bench: "tenants",
      title: "Search latency by tenant size, all tenants in one database",
      table,
      targets,
      profiles,
      plots: [
        {
          title: "Median latency by tenant size",
          x: { label: "rows of the tenant", log: true },
          y: { label: "p50, ms", log: true },
          series: [
            { name: "Cairn", points: points("cairn") },
            { name: "Chroma, collection per tenant", points: points("perTenant") },
            { name: "Chroma, one collection with where", points: points("where") },
          ],
        },
      ],
    },
    run,
  );
  return targets;
}

export async function reportFilters(
  measurements: readonly TenantMeasurement[],
  run: BenchRun,
): Promise<readonly Target[]> {
  const rows = measurements.flatMap(({ tenant, filtered }) =>
    filtered.map((search) => ({ ...search, rows: tenant.rows, ratio: search.chroma.p50 / search.p50 })),
  );
  const table = rows.map(({ rows, percent, p50, p95, chroma, ratio }) => ({
    "rows of the tenant": rows,
    "matching rows, %": percent,
    "p50, ms": round(p50),
    "p95, ms": round(p95),
    "Chroma per tenant, p50": round(chroma.p50),
    "Chroma per tenant, p95": round(chroma.p95),
    "per tenant to Cairn, p50": round(ratio),
  }));
  const targets: readonly Target[] = [
    {
      what: "Chroma's latency to Cairn's with a filter, lowest of every tenant size, p50",
      value: round(Math.min(...rows.map(({ ratio }) => ratio))),
      target: 1,
      better: "higher",
      usual: 1,
    },
  ];
  await report({ bench: "tenants", title: "Latency of filtered searches", table, targets }, run);
  return targets;
}
