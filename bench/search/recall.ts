import { changeCollection } from "@cairn/core/collection/change.ts";
import type { SearchSetting } from "../search.ts";
import { searcher } from "../support/cairn.ts";
import { queryChroma } from "../support/chroma.ts";
import { type Measured, measure, recall, round } from "../support/measure.ts";
import { report, type Section, type Target } from "../support/results.ts";

/** What more candidates a search give, and take. */
export async function recallAgainstLatency({
  cairn,
  tenantId,
  chroma,
  data,
  truth,
  ...run
}: SearchSetting): Promise<readonly Target[]> {
  const table: Section["table"][number][] = [];
  const add = (way: string, { p50, p95, answers }: Measured) => {
    const found = recall(answers, truth);
    table.push({ way, "recall@10": round(found, 4), "p50, ms": round(p50), "p95, ms": round(p95) });
    return [p50, found] as const;
  };
  const points: (readonly [number, number])[] = [];
  for (const efSearch of [40, 100, 200, 400, 800]) {
    await changeCollection(cairn.database, tenantId, "knowledge", { indexSettings: { efSearch } });
    points.push(add(`Cairn, ef_search ${efSearch}`, await measure(data.queries, searcher(cairn, tenantId))));
  }
  await changeCollection(cairn.database, tenantId, "knowledge", { indexSettings: {} });
  const theirs = await measure(data.queries, (embedding) => queryChroma(chroma, embedding));
  const chromaPoint = add("Chroma, as it comes", theirs);
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
            { name: "Chroma, as it comes", points: [chromaPoint] },
          ],
        },
      ],
    },
    run,
  );
  return [];
}
