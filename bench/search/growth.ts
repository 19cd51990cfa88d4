import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import type { SearchSetting } from "../search.ts";
import { load, makeTenant, searcher } from "../support/cairn.ts";
import { type Measured, measureInTurns, round } from "../support/measure.ts";
import { report, type Target } from "../support/results.ts";

const SIZES = [10_000, 20_000, 50_000, 100_000, 200_000, 500_000];

interface Size {
  readonly rows: number;
  readonly grown: Measured;
  /** Of a collection that stays as it is, in the same turns. */
  readonly steady: Measured;
}

/** A collection that grows, indexed at each size: what 10,000 rows more cost a search. */
export async function growth({ cairn, tenantId, data, ...run }: SearchSetting): Promise<readonly Target[]> {
  const growing = await makeTenant(cairn, "growing");
  const sizes: Size[] = [];
  for (const rows of sizesUpTo(data.documents.length)) {
    await load(cairn, growing, data.documents.slice(sizes.at(-1)?.rows ?? 0, rows));
    await maintainIndexes(cairn.database, { tenantId: growing });
    const ways = [searcher(cairn, growing), searcher(cairn, tenantId)];
    const [grown, steady] = (await measureInTurns(data.queries, ways)) as [Measured, Measured];
    sizes.push({ rows, grown, steady });
  }
  const [first, last] = [sizes[0], sizes.at(-1)] as [Size, Size];
  const promise = (rows: number) => (first.grown.p50 * Math.log(rows)) / Math.log(first.rows);
  const promised = (10_000 * (promise(last.rows) - first.grown.p50)) / (last.rows - first.rows);
  const corrected = ({ grown, steady }: Size) => (grown.p50 * first.steady.p50) / steady.p50;
  const slope = (from: Size, to: Size) =>
    round((10_000 * (corrected(to) - corrected(from))) / (to.rows - from.rows), 3);
  const table = sizes.map((size, index) => ({
    rows: size.rows,
    "p50, ms": round(size.grown.p50),
    "p95, ms": round(size.grown.p95),
    "one that does not grow, p50": round(size.steady.p50),
    "ms for 10,000 rows more": index === 0 ? "" : slope(sizes[index - 1] as Size, size),
    "promised p50": round(promise(size.rows)),
  }));
  const targets: readonly Target[] = [
    {
      what: `p50 at ${last.rows} rows / at ${first.rows}`,
      value: round(corrected(last) / corrected(first)),
      target: round(promise(last.rows) / first.grown.p50),
      better: "lower",
      usual: 1.1,
    },
  ];
  await report(
    {
      bench: "search",
      title: "Cost against size: one collection as it grows, indexed at each size",
      table,
      targets,
      note: `10,000 rows more cost a search ${slope(first, last)} ms, where its graph promises ${round(promised, 3)}: to grow with the logarithm of the rows (Malkov and Yashunin, 2016, section 4.2.1). Slope and ratio are corrected by what became meanwhile of the p50 of a collection that does not grow.`,
      plots: [
        {
          title: "Cost against size",
          x: { label: "rows", log: true },
          y: { label: "ms" },
          series: [
            { name: "p50", points: sizes.map(({ rows, grown }) => [rows, grown.p50] as const) },
            { name: "p95", points: sizes.map(({ rows, grown }) => [rows, grown.p95] as const) },
            {
              name: "p50 as the logarithm promises it",
              points: sizes.map(({ rows }) => [rows, promise(rows)] as const),
            },
          ],
        },
      ],
    },
    run,
  );
  return targets;
}

/** Of a small run its half and its whole. */
function sizesUpTo(most: number): readonly number[] {
  const smaller = SIZES.filter((rows) => rows < most);
  return [...(smaller.length > 0 ? smaller : [Math.floor(most / 2)]), most];
}
