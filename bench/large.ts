import { buildIndex, formatWorkers } from "./support/build-index.ts";
import { type Cairn, exactNeighbors, load, makeTenant, openCairn, searcher, settle } from "./support/cairn.ts";
import { type BenchDocument, DIMENSIONS, makeDocument } from "./support/dataset.ts";
import { type Measured, measure, recall, round, throughput } from "./support/measure.ts";
import { report } from "./support/results.ts";
import type { BenchRun } from "./support/run.ts";
import { startServers } from "./support/servers.ts";
import type { Target } from "./support/target.ts";
import { clusteredVectors } from "./support/vectors.ts";

/** Rows in memory at the same time. A million rows would not fit. */
const BATCH = 20_000;

/** Number of queries. Exact search compares each with every row. */
const QUERIES = 100;

/** Rows per topic, so that the number of topics grows with the rows, as in a growing knowledge base. */
const ROWS_PER_TOPIC = 1_000;

/** One collection of the requested size, in Cairn only: the time of ingest, index build and search. */
export async function benchLarge(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const tenantId = await makeTenant(cairn, "large");
    const { seconds, queries } = await fill(cairn, tenantId, run.size);
    await settle(cairn);
    const build = await buildIndex(cairn, tenantId);
    await settle(cairn);
    const search = searcher(cairn, tenantId);
    const latencies = await measure(queries, search);
    const rate = await throughput(queries, search, { clients: 4, seconds: 10 });
    const recallAt10 = recall(latencies.results, await exactNeighbors(cairn, tenantId, queries));
    const table = [
      {
        rows: run.size,
        "ingest, rows/s": round(run.size / seconds, 0),
        "index build, s": round(build.seconds, 0),
        "build resources": `${formatWorkers(build.workers)}, ${build.memory} MB`,
        precision: build.precision,
        ef_search: build.efSearch,
        "vector index, MB": build.vector,
        "keyword index, MB": build.keyword,
        "recall@10": round(recallAt10, 4),
        "p50, ms": round(latencies.p50),
        "p95, ms": round(latencies.p95),
        "queries/s, 4 clients": round(rate, 0),
      },
    ];
    const targets = targetsOf(run.size, latencies, recallAt10);
    await report({ bench: "large", title: `One collection of ${run.size} rows`, table, targets }, run);
    return targets;
  } finally {
    await cairn.close();
    await servers.stop();
  }
}

/** Fills the collection. Returns the seconds of ingest, without generating the rows, and queries from the same distribution. */
async function fill(
  cairn: Cairn,
  tenantId: string,
  size: number,
): Promise<{ readonly seconds: number; readonly queries: readonly Float32Array[] }> {
  const topics = Math.max(10, Math.round(size / ROWS_PER_TOPIC));
  const vectors = clusteredVectors(size + QUERIES, DIMENSIONS, 1, topics);
  const take = (count: number) => Array.from({ length: count }, () => vectors.next().value as Float32Array);
  let seconds = 0;
  for (let at = 0; at < size; at += BATCH) {
    const batch: readonly BenchDocument[] = take(Math.min(BATCH, size - at)).map((embedding, index) =>
      makeDocument(at + index, embedding),
    );
    seconds += await load(cairn, tenantId, batch);
    process.stderr.write(`\r  rows: ${at + batch.length}/${size} `);
  }
  process.stderr.write("\n");
  return { seconds, queries: take(QUERIES) };
}

/** The targets: p95 under 50 ms up to 100,000 rows, under 150 ms up to a million. */
function targetsOf(rows: number, { p95 }: Measured, recallAt10: number): readonly Target[] {
  return [
    { what: "p95 of a search, ms", value: round(p95), target: rows <= 100_000 ? 50 : 150, better: "lower" },
    { what: "recall@10", value: round(recallAt10, 4), target: 0.99, better: "higher" },
  ];
}
