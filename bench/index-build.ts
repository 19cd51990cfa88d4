import { changeCollection } from "@cairn/core/collection/change.ts";
import { createCollection } from "@cairn/core/collection/create.ts";
import type { Precision } from "@cairn/core/collection/index-settings.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import type { BenchRun } from "./bench.ts";
import { type Cairn, exactAnswers, load, makeTenant, openCairn, searcher } from "./support/cairn.ts";
import { type Dataset, makeDataset } from "./support/dataset.ts";
import { measure, recall, round } from "./support/measure.ts";
import { report, type Target } from "./support/results.ts";
import { startServers } from "./support/servers.ts";

/** What an index costs to build and to keep, and what many collections that have one cost the others. */
export async function benchIndex(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const data = makeDataset(run.size);
    const built = await buildAll(cairn, data, run);
    const crowded = await crowd(cairn, data, run);
    return [...built, ...crowded];
  } finally {
    await cairn.close();
    await servers.stop();
  }
}

async function buildAll(cairn: Cairn, data: Dataset, run: BenchRun): Promise<readonly Target[]> {
  const queries = data.queries.slice(0, run.quick ? 50 : 200);
  const tenantId = await makeTenant(cairn, "indexed");
  await load(cairn, tenantId, data.documents);
  const truth = await exactAnswers(cairn, tenantId, queries);
  const table = [];
  const kinds: readonly (readonly [Precision, number])[] = run.quick
    ? [["halfvec", 1]]
    : [
        ["vector", 1],
        ["bit", 1],
        ["halfvec", 0],
        ["halfvec", 1],
      ];
  for (const [precision, workers] of kinds) {
    // Another m in passing, so that the index is built anew even where only the workers differ.
    await changeCollection(cairn.database, tenantId, "knowledge", {
      indexSettings: { precision, m: workers ? 16 : 17 },
    });
    const started = performance.now();
    await maintainIndexes(cairn.database, { tenantId, workers, memory: 2_048 });
    const seconds = (performance.now() - started) / 1000;
    const { rows } = await cairn.raw.query<{ kind: string; size: string }>(
      "SELECT kind, pg_relation_size(('cairn.' || name)::regclass) / 1048576 AS size FROM cairn.collection_indexes WHERE tenant_id = $1",
      [tenantId],
    );
    const { p50, p95, answers } = await measure(queries, searcher(cairn, tenantId));
    const size = (kind: string) => Number(rows.find((row) => row.kind === kind)?.size ?? 0);
    table.push({
      index: `${precision}, ${workers} ${workers === 1 ? "helper" : "helpers"}`,
      "built in, s": round(seconds, 1),
      "rows/s": round(data.documents.length / seconds, 0),
      "vector index, MB": size("vector"),
      "keyword index, MB": size("keyword"),
      "recall@10": round(recall(answers, truth), 4),
      "p50, ms": round(p50),
      "p95, ms": round(p95),
    });
  }
  const last = table.at(-1);
  const share = 100_000 / data.documents.length;
  const targets: readonly Target[] = [
    {
      what: `index build, s${share === 1 ? "" : ", scaled to 100,000 rows"} (one helper, words included)`,
      value: round((last?.["built in, s"] ?? 0) * share, 1),
      target: 60,
      better: "lower",
      floor: 240,
    },
    { what: "vector index, MB", value: last?.["vector index, MB"] ?? 0, target: 2_000, better: "lower" },
  ];
  await report({ bench: "index", title: "What an index costs", table, targets }, run);
  return targets;
}

/** Small collections with indexes of their own, many of them: planning looks at every index of a partition. */
async function crowd(
  cairn: Cairn,
  { documents, queries }: Dataset,
  run: BenchRun,
): Promise<readonly Target[]> {
  const small = await makeTenant(cairn, "small");
  await load(cairn, small, documents.slice(0, 200));
  await cairn.raw.query("ANALYZE cairn.documents (tenant_id, collection_id, segment)");
  const table = [];
  let promoted = 0;
  for (const wanted of run.quick ? [0, 200] : [0, 20, 200, 1_000]) {
    for (; promoted < wanted; promoted++) await promoteOne(cairn, promoted);
    const { p50, p95 } = await measure(queries.slice(0, 100), searcher(cairn, small));
    const writer = await makeTenant(cairn, `writer ${wanted}`);
    const rate = 2_000 / (await load(cairn, writer, documents.slice(0, 2_000)));
    table.push({
      "collections with an index": wanted,
      "search of 200 rows, p50 ms": round(p50),
      "p95 ms": round(p95),
      "planning, ms": round(await planningTime(cairn, small)),
      "ingest, rows/s": round(rate, 0),
    });
  }
  const first = table[0];
  const last = table.at(-1);
  const targets: readonly Target[] = [
    {
      what: `a small search beside ${promoted} indexed collections / beside none`,
      value: round(
        (last?.["search of 200 rows, p50 ms"] ?? 0) / (first?.["search of 200 rows, p50 ms"] ?? 1),
      ),
      target: 1.5,
      better: "lower",
      floor: 3,
    },
  ];
  await report(
    {
      bench: "index",
      title: "What many indexed collections cost the others",
      table,
      targets,
      plots: [
        {
          title: "A small tenant's search beside collections with an index",
          x: { label: "collections with an index" },
          y: { label: "p50, ms" },
          series: [
            {
              name: "200 rows, exact",
              points: table.map(
                (row) => [row["collections with an index"], row["search of 200 rows, p50 ms"]] as const,
              ),
            },
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

async function planningTime({ raw }: Cairn, tenantId: string): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 20; round++) {
    const { rows } = await raw.query<{ "QUERY PLAN": [{ "Planning Time": number }] }>(
      `EXPLAIN (SUMMARY, FORMAT JSON) SELECT id FROM cairn.documents WHERE tenant_id = '${tenantId}' AND segment >= 0 LIMIT 1`,
    );
    times.push(rows[0]?.["QUERY PLAN"][0]["Planning Time"] ?? 0);
  }
  return times.toSorted((a, b) => a - b)[10] ?? 0;
}
