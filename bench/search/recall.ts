import { changeCollection } from "@cairn/core/collection/change.ts";
import { searcher } from "../support/cairn.ts";
import { queryChroma } from "../support/chroma.ts";
import { type Measured, measure, recall, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { Section } from "../support/section.ts";
import type { Target } from "../support/target.ts";
import type { SearchContext } from "./context.ts";

/** Recall and latency by number of candidates (ef_search). */
export async function benchRecall({
  cairn,
  tenantId,
  chroma,
  data,
  truth,
  ...run
}: SearchContext): Promise<readonly Target[]> {
  const table: Section["table"][number][] = [];
  const add = (search: string, { p50, p95, results }: Measured) => {
    const share = recall(results, truth);
    table.push({ search, "recall@10": round(share, 4), "p50, ms": round(p50), "p95, ms": round(p95) });
    return [p50, share] as const;
  };
  const points: (readonly [number, number])[] = [];
  for (const efSearch of [40, 100, 200, 400, 800]) {
    await changeCollection(cairn.database, tenantId, "knowledge", { indexSettings: { efSearch } });
    points.push(add(`Cairn, ef_search ${efSearch}`, await measure(data.queries, searcher(cairn, tenantId))));
  }
  await changeCollection(cairn.database, tenantId, "knowledge", { indexSettings: {} });
  const ofChroma = await measure(data.queries, (embedding) => queryChroma(chroma, embedding));
  const chromaPoint = add("Chroma, defaults", ofChroma);
  await report(
    {
      bench: "search",
      title: "Recall against latency",
      table,
      plots: [
        {
          title: "Recall@10 against median latency",
          x: { label: "p50, ms" },
          y: { label: "recall@10" },
          series: [
            { name: "Cairn, ef_search 40 to 800", points },
            { name: "Chroma, defaults", points: [chromaPoint] },
          ],
        },
      ],
    },
    run,
  );
  return [];
}
