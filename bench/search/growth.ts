import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { load, makeTenant, searcher } from "../support/cairn.ts";
import { type Measured, measureInTurns, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import type { Target } from "../support/target.ts";
import type { SearchContext } from "./context.ts";

const SIZES = [10_000, 20_000, 50_000, 100_000, 200_000, 500_000];

interface Size {
  readonly rows: number;
  readonly growing: Measured;
  /** Measurement of a collection that does not grow, taken in turns with the growing one. */
  readonly constant: Measured;
}

/** Search latency by size: a collection that grows and is indexed at each size. */
export async function benchGrowth({ cairn, tenantId, data, ...run }: SearchContext): Promise<readonly Target[]> {
  const growingTenant = await makeTenant(cairn, "growing");
  const sizes: Size[] = [];
  for (const rows of sizesUpTo(data.documents.length)) {
    await load(cairn, growingTenant, data.documents.slice(sizes.at(-1)?.rows ?? 0, rows));
    await maintainIndexes(cairn.database, { tenantId: growingTenant });
    const searches = [searcher(cairn, growingTenant), searcher(cairn, tenantId)];
    const [growing, constant] = (await measureInTurns(data.queries, searches)) as [Measured, Measured];
    sizes.push({ rows, growing, constant });
  }
  const [first, last] = [sizes[0], sizes.at(-1)] as [Size, Size];
  const expected = (rows: number) => (first.growing.p50 * Math.log(rows)) / Math.log(first.rows);
  const expectedSlope = (10_000 * (expected(last.rows) - first.growing.p50)) / (last.rows - first.rows);
  const corrected = ({ growing, constant }: Size) => (growing.p50 * first.constant.p50) / constant.p50;
  const slope = (from: Size, to: Size) =>
    round((10_000 * (corrected(to) - corrected(from))) / (to.rows - from.rows), 3);
  const table = sizes.map((size, index) => ({
    rows: size.rows,
    "p50, ms": round(size.growing.p50),
    "p95, ms": round(size.growing.p95),
    "p50 of a collection of constant size, ms": round(size.constant.p50),
    "ms per 10,000 more rows": index === 0 ? "" : slope(sizes[index - 1] as Size, size),
    "expected p50 (log n), ms": round(expected(size.rows)),
  }));
  const targets: readonly Target[] = [
    {
      what: `p50 at ${last.rows} rows to p50 at ${first.rows}`,
      value: round(corrected(last) / corrected(first)),
      target: round(expected(last.rows) / first.growing.p50),
      better: "lower",
      usual: 1.1,
    },
  ];
  await report(
    {
      bench: "search",
      title: "Search latency by size: one growing collection, indexed at each size",
      table,
      targets,
      note: `10,000 more rows add ${slope(first, last)} ms to a search. For an HNSW index ${round(expectedSlope, 3)} ms are expected, because latency grows with the logarithm of the rows (Malkov and Yashunin, 2016, section 4.2.1). Slope and ratio are corrected by the change of the p50 of a collection of constant size.`,
      plots: [
        {
          title: "Search latency by size",
          x: { label: "rows", log: true },
          y: { label: "ms" },
          series: [
            { name: "p50", points: sizes.map(({ rows, growing }) => [rows, growing.p50] as const) },
            { name: "p95", points: sizes.map(({ rows, growing }) => [rows, growing.p95] as const) },
            {
              name: "expected p50 (log n)",
              points: sizes.map(({ rows }) => [rows, expected(rows)] as const),
            },
          ],
        },
      ],
    },
    run,
  );
  return targets;
}

/** The sizes below `max`, and `max`. A small run has two sizes: half and all rows. */
function sizesUpTo(max: number): readonly number[] {
  const smaller = SIZES.filter((rows) => rows < max);
  return [...(smaller.length > 0 ? smaller : [Math.floor(max / 2)]), max];
}
