import { query } from "@cairn/core/search/query.ts";
import { CASES } from "../datasets/filter-cases.ts";
import { computeTruth } from "../datasets/truth.ts";
import { queryChroma } from "../support/chroma.ts";
import { type Measured, measureInTurns, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { Target } from "../support/target.ts";
import type { RealContext } from "./context.ts";

/** Recall and latency by class of filter, next to Chroma with its defaults. The worst recall comes first. */
export async function compareFilters({
  set,
  distances,
  dimensions,
  cairn,
  tenantId,
  chroma,
  buildSeconds,
  ...run
}: RealContext): Promise<readonly Target[]> {
  const rows = [];
  for (const { filter, whereDocument, ...filterCase } of CASES) {
    const truth = computeTruth(distances, filterCase);
    const searches = [
      async (embedding: Float32Array) =>
        (await query(cairn, tenantId, { embedding, filter, whereDocument })).map(({ id }) => id),
      (embedding: Float32Array) => queryChroma(chroma, embedding, filter, whereDocument),
    ];
    const [ours, theirs] = (await measureInTurns(set.queries, searches)) as [Measured, Measured];
    const row = {
      filter: filterCase.name,
      "rows, %": round((100 * truth.rows) / set.documents.length),
      recall: round(truth.recall(ours.results), 4),
      "worst query": round(truth.worst(ours.results)),
      "missing rows": truth.missing(ours.results),
      "p50, ms": round(ours.p50),
      "p95, ms": round(ours.p95),
      "Chroma: recall": round(truth.recall(theirs.results), 4),
      "Chroma: p50, ms": round(theirs.p50),
      "Chroma: p95, ms": round(theirs.p95),
      "p50, Chroma / Cairn": round(theirs.p50 / ours.p50),
    };
    process.stderr.write(`  ${JSON.stringify(row)}\n`);
    rows.push(row);
  }
  const table = rows.toSorted((a, b) => a.recall - b.recall);
  const unfiltered = rows.find(({ filter }) => filter === "no filter");
  const filtered = rows.filter(({ filter }) => filter !== "no filter");
  const targets: readonly Target[] = [
    {
      what: `${set.name}: lowest recall@10`,
      value: table[0]?.recall ?? Number.NaN,
      target: 0.99,
      better: "higher",
    },
    {
      what: `${set.name}: rows that a search should return and does not`,
      value: rows.reduce((sum, row) => sum + row["missing rows"], 0),
      target: 0,
      better: "lower",
    },
    {
      what: `${set.name}: p50 without a filter, Chroma to Cairn`,
      value: unfiltered?.["p50, Chroma / Cairn"] ?? Number.NaN,
      target: 1,
      better: "higher",
    },
    {
      what: `${set.name}: lowest p50 ratio with a filter, Chroma to Cairn`,
      value: Math.min(...filtered.map((row) => row["p50, Chroma / Cairn"])),
      target: 2,
      better: "higher",
    },
  ];
  await report(
    {
      bench: "real",
      title: `${set.name}: recall and latency by filter`,
      table,
      targets,
      note: `${set.documents.length} rows × ${dimensions} dimensions, ${set.queries.length} queries in turns, one client. Index build: ${round(buildSeconds, 1)} s.`,
    },
    run,
  );
  return targets;
}
