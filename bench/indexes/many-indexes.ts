import { createCollection } from "@cairn/core/collection/create.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { type Cairn, load, makeTenant, searcher } from "../support/cairn.ts";
import { latency, measure, round } from "../support/measure.ts";
import { report } from "../support/results.ts";
import { searchStatement } from "../support/search-statement.ts";
import type { Target } from "../support/target.ts";
import type { IndexContext } from "./context.ts";

type Row = Readonly<
  Record<
    "collections with an index" | "planning, ms" | "search of 200 rows, p50 ms" | "p95 ms" | "ingest, rows/s",
    number
  >
>;

/** The effect of many indexed collections on a small search, because planning examines every index of a partition. */
export async function benchManyIndexes({
  cairn,
  data: { documents, queries },
  ...run
}: IndexContext): Promise<readonly Target[]> {
  const small = await makeTenant(cairn, "small");
  await load(cairn, small, documents.slice(0, 200));
  await cairn.raw.query("ANALYZE cairn.documents (tenant_id, collection_id, segment)");
  const table: Row[] = [];
  let indexed = 0;
  for (const count of run.quick ? [0, 200] : [0, 20, 200, 1_000]) {
    for (; indexed < count; indexed++) await addIndexedCollection(cairn, indexed);
    const { p50, p95 } = await measure(queries.slice(0, 100), searcher(cairn, small));
    const writer = await makeTenant(cairn, `writer ${count}`);
    const rate = 2_000 / (await load(cairn, writer, documents.slice(0, 2_000)));
    table.push({
      "collections with an index": count,
      "planning, ms": round(await planningTime(cairn, small, queries)),
      "search of 200 rows, p50 ms": round(p50),
      "p95 ms": round(p95),
      "ingest, rows/s": round(rate, 0),
    });
  }
  const [first, last] = [table[0], table.at(-1)];
  const targets: readonly Target[] = [
    {
      what: `p50 of a small search next to ${indexed} indexed collections to p50 without them`,
      value: round(
        (last?.["search of 200 rows, p50 ms"] ?? Number.NaN) / (first?.["search of 200 rows, p50 ms"] ?? Number.NaN),
      ),
      target: 1.5,
      better: "lower",
      usual: 1.1,
    },
  ];
  const column = (name: keyof Row) => table.map((row) => [row["collections with an index"], row[name]] as const);
  await report(
    {
      bench: "index",
      title: "A small search next to many indexed collections",
      table,
      targets,
      note: "Planning time is of the search's statement as the tenant. From the second execution on, a connection reuses the prepared plan.",
      plots: [
        {
          title: "A small tenant's search next to indexed collections",
          x: { label: "collections with an index" },
          y: { label: "ms" },
          series: [
            { name: "search of 200 rows (exact), p50", points: column("search of 200 rows, p50 ms") },
            { name: "planning", points: column("planning, ms") },
          ],
        },
      ],
    },
    run,
  );
  return targets;
}

async function addIndexedCollection(cairn: Cairn, number: number): Promise<void> {
  const { id } = await createTenant(cairn.database, { name: `indexed ${number}` });
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

/** Planning time in milliseconds, median of 20. */
async function planningTime(cairn: Cairn, tenantId: string, queries: readonly Float32Array[]): Promise<number> {
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
