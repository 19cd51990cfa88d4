import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { glossVectors } from "./datasets/glosses.ts";
import { gloveVectors } from "./datasets/glove.ts";
import { makeRecords, type RecordSet } from "./datasets/records.ts";
import { syntheticVectors } from "./datasets/synthetic.ts";
import { computeDistances } from "./datasets/truth.ts";
import { compareFilters } from "./real/filters.ts";
import { compareRecall } from "./real/recall.ts";
import { load, makeTenant, openCairn, settle } from "./support/cairn.ts";
import { addDocuments, makeCollection } from "./support/chroma.ts";
import type { BenchRun } from "./support/run.ts";
import { startServers } from "./support/servers.ts";
import type { Target } from "./support/target.ts";

const QUERIES = 200;

/** The sets by name, with the most rows that each has. `CAIRN_BENCH_SETS` selects some, separated by commas. */
const SETS = {
  glove: { read: gloveVectors, maxRows: 341_000 },
  glosses: { read: glossVectors, maxRows: 50_000 },
  synthetic: { read: syntheticVectors, maxRows: 1_000_000 },
} as const;

/** Searches in sets of real vectors, and in the synthetic set: recall and latency by filter, and at equal recall. */
export async function benchReal(run: BenchRun): Promise<readonly Target[]> {
  const selected = process.env.CAIRN_BENCH_SETS?.split(",") ?? Object.keys(SETS);
  const targets: Target[] = [];
  for (const name of selected) {
    const { read, maxRows } = SETS[name as keyof typeof SETS];
    const size = Math.min(run.size, maxRows);
    const vectors = await read(size + QUERIES + 51);
    targets.push(...(await benchSet(makeRecords(name, vectors, { size, queries: QUERIES }), { ...run, size })));
  }
  return targets;
}

async function benchSet(set: RecordSet, run: BenchRun): Promise<readonly Target[]> {
  const dimensions = set.documents[0]?.embedding.length ?? 0;
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const tenantId = await makeTenant(cairn, set.name, {}, dimensions);
    await load(cairn, tenantId, set.documents);
    const started = performance.now();
    await maintainIndexes(cairn.database);
    const buildSeconds = (performance.now() - started) / 1000;
    const chroma = await makeCollection(servers.chroma.url, set.name);
    await addDocuments(chroma, set.documents);
    await settle(cairn);
    const context = {
      ...run,
      set,
      distances: computeDistances(set),
      dimensions,
      cairn,
      tenantId,
      chroma,
      buildSeconds,
      restartChroma: servers.restartChroma,
    };
    return [...(await compareFilters(context)), ...(await compareRecall(context))];
  } finally {
    await cairn.close();
    await servers.stop();
  }
}
