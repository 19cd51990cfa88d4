import { changeCollection } from "@cairn/core/collection/change.ts";
import { INDEX_DEFAULTS } from "@cairn/core/index/settings.ts";
import { buildIndex } from "../support/build-index.ts";
import { exactNeighbors, load, makeTenant, searcher } from "../support/cairn.ts";
import { measure, recall, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { Section } from "../support/section.ts";
import type { IndexContext } from "./context.ts";

/** Enough rows to distinguish the settings, and few enough for nine index builds. */
const MAX_ROWS = 50_000;

const M = [8, 10, 16];
const EF_CONSTRUCTION = [64, 120, 200];
const EF_SEARCH = [40, 100, 200];

/** Recall and latency by m, ef_construction and ef_search: the basis of the defaults. */
export async function sweepSettings({ cairn, data, ...run }: IndexContext): Promise<void> {
  const { queries } = data;
  const documents = data.documents.slice(0, MAX_ROWS);
  const tenantId = await makeTenant(cairn, "swept");
  await load(cairn, tenantId, documents);
  const truth = await exactNeighbors(cairn, tenantId, queries);
  const table: Section["table"][number][] = [];
  const points = new Map<string, (readonly [number, number])[]>();
  for (const m of M)
    for (const efConstruction of EF_CONSTRUCTION) {
      const change = (efSearch: number) =>
        changeCollection(cairn.database, tenantId, "knowledge", {
          indexSettings: { m, efConstruction, efSearch },
        });
      await change(INDEX_DEFAULTS.efSearch);
      const { seconds, vector } = await buildIndex(cairn, tenantId);
      const name = `m ${m}, ef_construction ${efConstruction}`;
      for (const efSearch of EF_SEARCH) {
        await change(efSearch);
        const { p50, results } = await measure(queries, searcher(cairn, tenantId));
        const recallAt10 = recall(results, truth);
        points.set(name, [...(points.get(name) ?? []), [p50, recallAt10]]);
        table.push({
          m,
          ef_construction: efConstruction,
          ef_search: efSearch,
          "build, s": round(seconds, 1),
          "vector index, MB": vector,
          "recall@10": round(recallAt10, 4),
          "queries that miss seven or more": countMisses(results, truth),
          "p50, ms": round(p50),
        });
      }
    }
  const { m, efConstruction, efSearch } = INDEX_DEFAULTS;
  await report(
    {
      bench: "index",
      title: "Recall and latency by index settings",
      table,
      note: `${documents.length} rows, ${queries.length} queries, measured sequentially. The defaults are m ${m}, ef_construction ${efConstruction}, ef_search ${efSearch}.`,
      plots: [
        {
          title: "Recall@10 against median latency, by build settings",
          x: { label: "p50, ms" },
          y: { label: "recall@10" },
          series: [...points].map(([name, values]) => ({ name, points: values })),
        },
      ],
    },
    run,
  );
}

/** Number of queries with a recall of at most 0.3. A search that ends in the wrong cluster misses nearly everything, which the mean hides. */
function countMisses(results: readonly (readonly string[])[], truth: readonly (readonly string[])[]): number {
  return truth.filter((ids, index) => recall([results[index] ?? []], [ids]) <= 0.3).length;
}
