import type { BenchRun } from "./bench.ts";
import { buildIndex, helpersInWords } from "./support/build-index.ts";
import { type Cairn, exactAnswers, load, makeTenant, openCairn, searcher, settle } from "./support/cairn.ts";
import { type BenchDocument, DIMENSIONS, makeDocument } from "./support/dataset.ts";
import { type Measured, measure, recall, round, throughput } from "./support/measure.ts";
import { report, type Target } from "./support/results.ts";
import { startServers } from "./support/servers.ts";
import { clusteredVectors } from "./support/vectors.ts";

/** Rows that are held in memory at once: a million are not. */
const BATCH = 20_000;

/** Each is compared with every row to know the truth. */
const QUERIES = 100;

/** Rows a topic and its subtopics: the more rows, the more there are, as in a knowledge base that grows. */
const ROWS_A_TOPIC = 1_000;

/** One collection as large as asked for, in Cairn alone: how long it takes to have it, and what a search in it takes. */
export async function benchLarge(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const tenantId = await makeTenant(cairn, "large");
    const { seconds, queries } = await fill(cairn, tenantId, run.size);
    await settle(cairn);
    const built = await buildIndex(cairn, tenantId);
    await settle(cairn);
    const search = searcher(cairn, tenantId);
    const seen = await measure(queries, search);
    const rate = await throughput(queries, search, { clients: 4, seconds: 10 });
    const found = recall(seen.answers, await exactAnswers(cairn, tenantId, queries));
    const table = [
      {
        rows: run.size,
        "ingest, rows/s": round(run.size / seconds, 0),
        "index built in, s": round(built.seconds, 0),
        by: `${helpersInWords(built.helpers)}, ${built.memory} MB`,
        precision: built.precision,
        ef_search: built.efSearch,
        "vector index, MB": built.vector,
        "keyword index, MB": built.keyword,
        "recall@10": round(found, 4),
        "p50, ms": round(seen.p50),
        "p95, ms": round(seen.p95),
        "queries/s, 4 clients": round(rate, 0),
      },
    ];
    const targets = judge(run.size, seen, found);
    await report({ bench: "large", title: `One collection of ${run.size} rows`, table, targets }, run);
    return targets;
  } finally {
    await cairn.close();
    await servers.stop();
  }
}

/** Seconds that the ingest took, without what making the rows did; and vectors of their make to ask for. */
async function fill(
  cairn: Cairn,
  tenantId: string,
  size: number,
): Promise<{ readonly seconds: number; readonly queries: readonly Float32Array[] }> {
  const topics = Math.max(10, Math.round(size / ROWS_A_TOPIC));
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

/** What is promised: under 50 ms to 100,000 rows, under 150 to a million. */
function judge(rows: number, { p95 }: Measured, found: number): readonly Target[] {
  return [
    { what: "p95 of a search, ms", value: round(p95), target: rows <= 100_000 ? 50 : 150, better: "lower" },
    { what: "recall@10", value: round(found, 4), target: 0.99, better: "higher" },
  ];
}
