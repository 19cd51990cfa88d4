import { INDEX_DEFAULTS } from "@cairn/core/index/settings.ts";
import { buildIndex } from "../support/build-index.ts";
import { exactNeighbors, load, makeTenant, searcher } from "../support/cairn.ts";
import { type Measured, measureInTurns, recall, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { IndexContext } from "./context.ts";

const SIZES = [500, 1_000, 2_000, 4_000];
const NO_INDEX_THRESHOLD = 1_000_000;

type Row = Readonly<
  Record<
    | "rows"
    | "exact p50, ms"
    | "exact p95"
    | "indexed p50, ms"
    | "indexed p95"
    | "exact recall@10"
    | "indexed recall@10"
    | "indexed to exact, p50",
    number
  >
>;

/** The same rows with and without an index, in turns: the number of rows from which an index is faster. */
export async function compareThresholds({ cairn, data, ...run }: IndexContext): Promise<void> {
  const queries = data.queries.slice(0, 200);
  const table: Row[] = [];
  for (const rows of SIZES.filter((size) => size <= data.documents.length)) {
    const documents = data.documents.slice(0, rows);
    const unindexed = await makeTenant(cairn, `${rows} without`, { threshold: NO_INDEX_THRESHOLD });
    const indexed = await makeTenant(cairn, `${rows} with`, { threshold: 10 });
    await load(cairn, unindexed, documents);
    await load(cairn, indexed, documents);
    await buildIndex(cairn, indexed);
    await cairn.raw.query("ANALYZE cairn.documents (tenant_id, collection_id, segment)");
    const searches = [searcher(cairn, unindexed), searcher(cairn, indexed)];
    const [exact, approximate] = (await measureInTurns(queries, searches)) as [Measured, Measured];
    const truth = await exactNeighbors(cairn, unindexed, queries);
    table.push({
      rows,
      "exact p50, ms": round(exact.p50),
      "exact p95": round(exact.p95),
      "indexed p50, ms": round(approximate.p50),
      "indexed p95": round(approximate.p95),
      "exact recall@10": round(recall(exact.results, truth), 4),
      "indexed recall@10": round(recall(approximate.results, truth), 4),
      "indexed to exact, p50": round(approximate.p50 / exact.p50),
    });
  }
  const column = (name: keyof Row) => table.map((row) => [row.rows, row[name]] as const);
  await report(
    {
      bench: "index",
      title: "Threshold: the same rows with and without an index",
      table,
      note: `By default a collection gets an index at ${INDEX_DEFAULTS.threshold} rows.`,
      plots: [
        {
          title: "Exact and indexed search by rows",
          x: { label: "rows", log: true },
          y: { label: "p50, ms" },
          series: [
            { name: "exact", points: column("exact p50, ms") },
            { name: "indexed", points: column("indexed p50, ms") },
          ],
        },
      ],
    },
    run,
  );
}
