import { changeCollection } from "@cairn/core/collection/change.ts";
import { CASES, type FilterCase } from "../datasets/filter-cases.ts";
import { installPackage } from "../datasets/packages.ts";
import type { RecordSet } from "../datasets/records.ts";
import { computeTruth } from "../datasets/truth.ts";
import { searcher } from "../support/cairn.ts";
import { queryChroma, setEfSearch } from "../support/chroma.ts";
import { type Measured, measureInTurns, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { Target } from "../support/target.ts";
import type { RealContext } from "./context.ts";

const EF_SEARCH = [50, 100, 200, 400, 800];

/** Recall against latency without a filter: Cairn, Chroma by ef_search, and hnswlib in this process as the physical limit. */
export async function compareRecall({
  set,
  distances,
  cairn,
  tenantId,
  chroma,
  restartChroma,
  ...run
}: RealContext): Promise<readonly Target[]> {
  const truth = computeTruth(distances, CASES[0] as FilterCase);
  const library = await buildHnswlib(set);
  const series = { Cairn: [], Chroma: [], hnswlib: [] } as Record<string, (readonly [number, number])[]>;
  const table = [];
  for (const efSearch of [undefined, ...EF_SEARCH]) {
    await changeCollection(cairn.database, tenantId, "knowledge", {
      indexSettings: efSearch ? { efSearch } : {},
    });
    if (efSearch) {
      await setEfSearch(chroma, efSearch);
      await restartChroma();
    }
    library.setEf(efSearch ?? 100);
    const searches = [
      searcher(cairn, tenantId),
      (embedding: Float32Array) => queryChroma(chroma, embedding),
      async (embedding: Float32Array) => library.searchKnn([...embedding], 10).neighbors.map((index) => `doc-${index}`),
    ];
    const measured = (await measureInTurns(set.queries, searches)) as readonly Measured[];
    for (const [which, name] of Object.keys(series).entries()) {
      const { p50, p95, results } = measured[which] as Measured;
      const recall = truth.recall(results);
      if (efSearch !== undefined) series[name]?.push([p50, recall]);
      table.push({
        search: name,
        ef_search: efSearch ?? "default",
        "recall@10": round(recall, 4),
        "p50, ms": round(p50, 3),
        "p95, ms": round(p95, 3),
      });
    }
  }
  await changeCollection(cairn.database, tenantId, "knowledge", { indexSettings: {} });
  await report(
    {
      bench: "real",
      title: `${set.name}: recall against latency`,
      table,
      note: `${set.documents.length} rows. hnswlib: m 16, ef_construction 200, in this process, without texts.`,
      plots: [
        {
          title: `${set.name}: recall@10 against median latency`,
          x: { label: "p50, ms", log: true },
          y: { label: "recall@10" },
          series: Object.entries(series).map(([name, points]) => ({ name, points })),
        },
      ],
    },
    run,
  );
  return [];
}

interface Hnswlib {
  setEf(efSearch: number): void;
  searchKnn(vector: readonly number[], hits: number): { readonly neighbors: readonly number[] };
}

async function buildHnswlib({ documents }: RecordSet): Promise<Hnswlib> {
  const { HierarchicalNSW } = installPackage("hnswlib-node")("hnswlib-node");
  const index = new HierarchicalNSW("ip", documents[0]?.embedding.length); // of unit vectors: cosine
  index.initIndex(documents.length, 16, 200, 7);
  process.stderr.write("  building hnswlib's index\n");
  for (const [at, { embedding }] of documents.entries()) index.addPoint([...embedding], at);
  return index as Hnswlib;
}
