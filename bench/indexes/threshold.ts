import { INDEX_DEFAULTS } from "@cairn/core/collection/index-settings.ts";
import type { IndexSetting } from "../indexes.ts";
import { buildIndex } from "../support/build-index.ts";
import { exactAnswers, load, makeTenant, searcher } from "../support/cairn.ts";
import { type Measured, measureInTurns, recall, round } from "../support/measure.ts";
import { report } from "../support/results.ts";

const SIZES = [500, 1_000, 2_000, 4_000];
const NEVER = 1_000_000;

type Row = Readonly<
  Record<
    | "rows"
    | "exact p50, ms"
    | "exact p95"
    | "indexed p50, ms"
    | "indexed p95"
    | "exact recall@10"
    | "indexed recall@10"
    | "indexed / exact, p50",
    number
  >
>;

/** The same rows with an index and without, in turns: from how many on an index pays. */
export async function threshold({ cairn, data, ...run }: IndexSetting): Promise<void> {
  const queries = data.queries.slice(0, 200);
  const table: Row[] = [];
  for (const rows of SIZES.filter((size) => size <= data.documents.length)) {
    const documents = data.documents.slice(0, rows);
    const plain = await makeTenant(cairn, `${rows} without`, { threshold: NEVER });
    const indexed = await makeTenant(cairn, `${rows} with`, { threshold: 10 });
    await load(cairn, plain, documents);
    await load(cairn, indexed, documents);
    await buildIndex(cairn, indexed);
    await cairn.raw.query("ANALYZE cairn.documents (tenant_id, collection_id, segment)");
    const ways = [searcher(cairn, plain), searcher(cairn, indexed)];
    const [exact, through] = (await measureInTurns(queries, ways)) as [Measured, Measured];
    const truth = await exactAnswers(cairn, plain, queries);
    table.push({
      rows,
      "exact p50, ms": round(exact.p50),
      "exact p95": round(exact.p95),
      "indexed p50, ms": round(through.p50),
      "indexed p95": round(through.p95),
      "exact recall@10": round(recall(exact.answers, truth), 4),
      "indexed recall@10": round(recall(through.answers, truth), 4),
      "indexed / exact, p50": round(through.p50 / exact.p50),
    });
  }
  const column = (name: keyof Row) => table.map((row) => [row.rows, row[name]] as const);
  await report(
    {
      bench: "index",
      title: "What the threshold was chosen by: the same rows with an index and without",
      table,
      note: `By default a collection has an index from ${INDEX_DEFAULTS.threshold} rows on.`,
      plots: [
        {
          title: "Exact and indexed by rows",
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
