import { changeCollection } from "@cairn/core/collection/change.ts";
import { INDEX_DEFAULTS } from "@cairn/core/collection/index-settings.ts";
import type { IndexSetting } from "../indexes.ts";
import { buildIndex } from "../support/build-index.ts";
import { exactAnswers, load, makeTenant, searcher } from "../support/cairn.ts";
import { measure, recall, round } from "../support/measure.ts";
import { report, type Section } from "../support/results.ts";

/** Enough to tell the settings apart, and few enough to build so many. */
const MAX_ROWS = 50_000;

const LINKS = [8, 10, 16];
const CONSTRUCTION = [64, 120, 200];
const SEARCH = [40, 100, 200];

/** What the defaults of m, ef_construction and ef_search were chosen by. */
export async function sweep({ cairn, data, ...run }: IndexSetting): Promise<void> {
  const { queries } = data;
  const documents = data.documents.slice(0, MAX_ROWS);
  const tenantId = await makeTenant(cairn, "swept");
  await load(cairn, tenantId, documents);
  const truth = await exactAnswers(cairn, tenantId, queries);
  const table: Section["table"][number][] = [];
  const points = new Map<string, (readonly [number, number])[]>();
  for (const m of LINKS)
    for (const efConstruction of CONSTRUCTION) {
      const change = (efSearch: number) =>
        changeCollection(cairn.database, tenantId, "knowledge", {
          indexSettings: { m, efConstruction, efSearch },
        });
      await change(INDEX_DEFAULTS.efSearch);
      const { seconds, vector } = await buildIndex(cairn, tenantId);
      const name = `m ${m}, ef_construction ${efConstruction}`;
      for (const efSearch of SEARCH) {
        await change(efSearch);
        const { p50, answers } = await measure(queries, searcher(cairn, tenantId));
        const found = recall(answers, truth);
        points.set(name, [...(points.get(name) ?? []), [p50, found]]);
        table.push({
          m,
          ef_construction: efConstruction,
          ef_search: efSearch,
          "built in, s": round(seconds, 1),
          "vector index, MB": vector,
          "recall@10": round(found, 4),
          "queries that miss seven or more": missed(answers, truth),
          "p50, ms": round(p50),
        });
      }
    }
  const { m, efConstruction, efSearch } = INDEX_DEFAULTS;
  await report(
    {
      bench: "index",
      title: "What the index's defaults were chosen by",
      table,
      note: `${documents.length} rows, ${queries.length} queries, one p50 after the other. The defaults are m ${m}, ef_construction ${efConstruction}, ef_search ${efSearch}.`,
      plots: [
        {
          title: "Recall@10 against median latency, by how the index was built",
          x: { label: "p50, ms" },
          y: { label: "recall@10" },
          series: [...points].map(([name, found]) => ({ name, points: found })),
        },
      ],
    },
    run,
  );
}

/** A search that ends in another cluster than its own is wrong as a whole, which a mean hides. */
function missed(answers: readonly (readonly string[])[], truth: readonly (readonly string[])[]): number {
  return truth.filter((ids, index) => recall([answers[index] ?? []], [ids]) <= 0.3).length;
}
