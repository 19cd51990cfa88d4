import { searcher } from "../support/cairn.ts";
import { queryChroma } from "../support/chroma.ts";
import { type Measured, measureInTurns, recall, round, throughputInTurns } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { Target } from "../support/target.ts";
import type { SearchContext } from "./context.ts";

/** Throughput by number of clients, compared with Chroma, with the recall of both. */
export async function benchLoad({
  cairn,
  tenantId,
  chroma,
  data,
  truth,
  quick,
  ...run
}: SearchContext): Promise<readonly Target[]> {
  const searches = [searcher(cairn, tenantId), (embedding: Float32Array) => queryChroma(chroma, embedding)];
  const [ofCairn, ofChroma] = (await measureInTurns(data.queries, searches)) as [Measured, Measured];
  const cairnRecall = recall(ofCairn.results, truth);
  const chromaRecall = recall(ofChroma.results, truth);
  const table: { clients: number; "Cairn, queries/s": number; "Chroma, queries/s": number; ratio: number }[] = [];
  for (const clients of [1, 2, 4, 8]) {
    const seconds = quick ? 2 : 5;
    const rates = await throughputInTurns(data.queries, searches, { clients, seconds });
    const [cairnRate = Number.NaN, chromaRate = Number.NaN] = rates;
    table.push({
      clients,
      "Cairn, queries/s": round(cairnRate, 0),
      "Chroma, queries/s": round(chromaRate, 0),
      ratio: round(cairnRate / chromaRate),
    });
  }
  const targets: readonly Target[] = [
    {
      what: "queries a second, 4 clients, Cairn to Chroma",
      value: table.find(({ clients }) => clients === 4)?.ratio ?? Number.NaN,
      target: 3,
      better: "higher",
      usual: 2,
    },
    {
      what: "recall@10 of a large collection",
      value: round(cairnRecall, 4),
      target: 0.99,
      better: "higher",
      floor: 0.99,
    },
    {
      what: "recall@10, Cairn minus Chroma",
      value: round(cairnRecall - chromaRecall, 4),
      target: 0,
      better: "higher",
      floor: -0.01,
    },
    { what: "p95 of a search, ms", value: round(ofCairn.p95), target: 50, better: "lower", floor: 50 },
  ];
  const rates = (column: "Cairn, queries/s" | "Chroma, queries/s") =>
    table.map((row) => [row.clients, row[column]] as const);
  await report(
    {
      bench: "search",
      title: "One large collection under load",
      table,
      targets,
      note: `recall@10: Cairn ${round(cairnRecall, 4)}, Chroma ${round(chromaRecall, 4)}; p50/p95 with one client: Cairn ${round(ofCairn.p50)}/${round(ofCairn.p95)} ms, Chroma ${round(ofChroma.p50)}/${round(ofChroma.p95)} ms.`,
      plots: [
        {
          title: "Throughput by clients",
          x: { label: "clients" },
          y: { label: "queries a second" },
          series: [
            { name: "Cairn", points: rates("Cairn, queries/s") },
            { name: "Chroma", points: rates("Chroma, queries/s") },
          ],
        },
      ],
    },
    run,
  );
  return targets;
}
