import { createCollection } from "@cairn/core/collection/create.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import type { IndexSetting } from "../indexes.ts";
import { type Cairn, load, makeTenant, searcher } from "../support/cairn.ts";
import { latency, measure, round } from "../support/measure.ts";
import { report, type Target } from "../support/results.ts";
import { searchStatement } from "../support/statement.ts";

type Row = Readonly<
  Record<
    "collections with an index" | "planning, ms" | "search of 200 rows, p50 ms" | "p95 ms" | "ingest, rows/s",
    number
  >
>;

/** Small collections with indexes of their own, many of them: planning looks at every index of a partition. */
export async function crowd({
  cairn,
  data: { documents, queries },
  ...run
}: IndexSetting): Promise<readonly Target[]> {
  const small = await makeTenant(cairn, "small");
  await load(cairn, small, documents.slice(0, 200));
  await cairn.raw.query("ANALYZE cairn.documents (tenant_id, collection_id, segment)");
  const table: Row[] = [];
  let promoted = 0;
  for (const wanted of run.quick ? [0, 200] : [0, 20, 200, 1_000]) {
    for (; promoted < wanted; promoted++) await promoteOne(cairn, promoted);
    const { p50, p95 } = await measure(queries.slice(0, 100), searcher(cairn, small));
    const writer = await makeTenant(cairn, `writer ${wanted}`);
    const rate = 2_000 / (await load(cairn, writer, documents.slice(0, 2_000)));
    table.push({
      "collections with an index": wanted,
      "planning, ms": round(await planningTime(cairn, small, queries)),
      "search of 200 rows, p50 ms": round(p50),
      "p95 ms": round(p95),
      "ingest, rows/s": round(rate, 0),
    });
  }
  const [first, last] = [table[0], table.at(-1)];
  const targets: readonly Target[] = [
    {
      what: `a small search beside ${promoted} indexed collections / beside none`,
      value: round(
        (last?.["search of 200 rows, p50 ms"] ?? Number.NaN) /
          (first?.["search of 200 rows, p50 ms"] ?? Number.NaN),
      ),
      target: 1.5,
      better: "lower",
      usual: 1.1,
    },
  ];
  const column = (name: keyof Row) =>
    table.map((row) => [row["collections with an index"], row[name]] as const);
  await report(
    {
      bench: "index",
      title: "What many indexed collections cost the others",
      table,
      targets,
      note: "Planning is that of the search's own statement as the tenant; a connection keeps the plan from a statement's second time on.",
      plots: [
        {
          title: "A small tenant's search beside collections with an index",
          x: { label: "collections with an index" },
          y: { label: "ms" },
          series: [
            { name: "200 rows, exact, p50", points: column("search of 200 rows, p50 ms") },
            { name: "planning it", points: column("planning, ms") },
          ],
        },
      ],
    },
    run,
  );
  return targets;
}

async function promoteOne(cairn: Cairn, number: number): Promise<void> {
  const { id } = await createTenant(cairn.database, { name: `promoted ${number}` });
  await createCollection(cairn.database, id, {
    embeddingModel: "offline/words",
    dimensions: 4,
    indexSettings: { threshold: 10 },
  });
  const documents = Array.from({ length: 10 }, (_, n) => ({
    id: `${n}`,
    content: "few words",
    embedding: Float32Array.of(1, n, number % 7, 1),
  }));
  await ingest(cairn, id, { documents });
  await maintainIndexes(cairn.database, { tenantId: id });
}

/** Milliseconds, the middle of twenty. */
async function planningTime(
  cairn: Cairn,
  tenantId: string,
  queries: readonly Float32Array[],
): Promise<number> {
  const { settings, toSql } = await searchStatement(cairn, tenantId);
  const times: number[] = [];
  for (const embedding of queries.slice(0, 20)) {
    const statement = sql`EXPLAIN (SUMMARY, FORMAT JSON) ${toSql(embedding)}`;
    const [rows] = await cairn.database.read([statement], { settings });
    const [row] = rows as readonly {
      readonly "QUERY PLAN": readonly [{ readonly "Planning Time": number }];
    }[];
    times.push(row?.["QUERY PLAN"][0]["Planning Time"] ?? Number.NaN);
  }
  return latency(times).p50;
}
