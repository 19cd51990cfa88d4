import { availableParallelism } from "node:os";
import { INDEX_DEFAULTS } from "@cairn/core/collection/index-settings.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import type { BenchRun } from "./bench.ts";
import { type Cairn, load, makeTenant, openCairn, searcher } from "./support/cairn.ts";
import {
  type Measured,
  maxPerSecond,
  neonCompute,
  rowsInMemory,
  type Sample,
  searchTimes,
  seededRandom,
  simulateArrivals,
  simulateClients,
} from "./support/compute-model.ts";
import { type Dataset, makeDataset, zipfSizes } from "./support/dataset.ts";
import { round, throughput } from "./support/measure.ts";
import { report, type Target } from "./support/results.ts";
import { startServers } from "./support/servers.ts";

const UNITS = [1, 2, 4, 8, 16, 56];
const LIMIT = 50; // ms, 95th percentile
const CLIENTS = 4;
/** What a team might ask for: rows, and searches a second. */
const DEMANDS: readonly (readonly [number, number])[] = [
  [100_000, 20],
  [1_000_000, 200],
  [5_000_000, 1_000],
  [5_000_000, 40_000],
  [25_000_000, 5_000],
  [100_000_000, 20_000],
];

/**
 * Where one Neon compute ends: what this machine takes for a search and for a row, and a simulation of larger ones
 * put together from it. Held against what this machine itself does under load.
 */
export async function benchScale(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const data = makeDataset(run.size);
    const { measured, perSecond } = await measureMachine(cairn, data);
    await reportComputes(measured, run);
    await reportDemands(measured, run);
    return await reportCheck(measured, perSecond, run);
  } finally {
    await cairn.close();
    await servers.stop();
  }
}

async function measureMachine(
  cairn: Cairn,
  data: Dataset,
): Promise<{ readonly measured: Measured; readonly perSecond: number }> {
  const samples: Sample[] = [];
  const tenants: string[] = [];
  for (const rows of [100, INDEX_DEFAULTS.threshold - 1, data.documents.length]) {
    const id = await makeTenant(cairn, `tenant of ${rows}`);
    await load(cairn, id, data.documents.slice(0, rows));
    tenants.push(id);
  }
  await maintainIndexes(cairn.database);
  await cairn.raw.query("VACUUM ANALYZE cairn.documents");
  for (const [index, id] of tenants.entries()) {
    const search = searcher(cairn, id);
    const times: number[] = [];
    for (const [turn, query] of [...data.queries, ...data.queries].entries()) {
      const started = performance.now();
      await search(query);
      if (turn >= data.queries.length) times.push(performance.now() - started);
    }
    const rows = [100, INDEX_DEFAULTS.threshold - 1, data.documents.length][index] as number;
    samples.push({ rows, times });
  }
  const [small, large, indexed] = samples as [Sample, Sample, Sample];
  const rows = samples.reduce((sum, sample) => sum + sample.rows, 0);
  const { rows: sizes } = await cairn.raw.query<{ table: number; indexes: number }>(
    `SELECT sum(pg_relation_size(inhrelid))::float8 AS table, sum(pg_indexes_size(inhrelid))::float8 AS indexes
     FROM pg_inherits WHERE inhparent = 'cairn.documents'::regclass`,
  );
  const { table = 0, indexes = 0 } = sizes[0] ?? {};
  return {
    measured: {
      exact: [small, large],
      indexed,
      rowBytes: (table + indexes) / rows,
      indexBytes: indexes / rows,
      threshold: INDEX_DEFAULTS.threshold,
    },
    perSecond: await throughput(data.queries, searcher(cairn, tenants[2] as string), { clients: CLIENTS }),
  };
}

async function reportComputes(measured: Measured, run: BenchRun): Promise<void> {
  const table = [];
  const computes = UNITS.map((units) => {
    const compute = neonCompute(units);
    const rows = rowsInMemory(compute, measured);
    const most = maxPerSecond(searchTimes(measured, rows, seededRandom(7)), {
      ...compute,
      limit: LIMIT,
      random: seededRandom(8),
    });
    return { units, compute, rows, most };
  });
  for (const { units, compute, rows, most } of computes)
    table.push({
      "compute, CU": units,
      "cache, GB": round(compute.cache / 1e9, 0),
      "rows in memory": rows,
      "their indexes, GB": round((rows * measured.indexBytes) / 1e9, 1),
      tenants: zipfSizes(rows).length,
      [`searches/s, p95 < ${LIMIT} ms`]: Math.round(most),
    });
  const [, , , eight] = computes;
  const shares = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99];
  await report(
    {
      bench: "scale",
      title: "Where one Neon compute ends (simulated)",
      table,
      note: `A row takes ${round(measured.rowBytes / 1000, 1)} kB with its indexes. Searches come at random, to tenants by their share of the rows; sizes by Zipf's law.`,
      plots: [
        {
          title: "Searches a second by compute",
          x: { label: "compute, CU", log: true },
          y: { label: "searches/s", log: true },
          series: [
            {
              name: `p95 under ${LIMIT} ms`,
              points: computes.map(({ units, most }) => [units, most] as const),
            },
          ],
        },
        {
          title: "p95 by load, 8 CU",
          x: { label: "share of what it can do" },
          y: { label: "ms" },
          series: eight
            ? [
                {
                  name: "simulated",
                  points: shares.map(
                    (share) =>
                      [
                        share,
                        simulateArrivals(searchTimes(measured, eight.rows, seededRandom(7)), {
                          cores: eight.compute.cores,
                          perSecond: share * eight.most,
                          random: seededRandom(9),
                        }),
                      ] as const,
                  ),
                },
              ]
            : [],
        },
      ],
    },
    run,
  );
}

/** What each demand needs, and which way leads there. */
async function reportDemands(measured: Measured, run: BenchRun): Promise<void> {
  const largest = neonCompute(UNITS.at(-1) as number);
  const table = DEMANDS.map(([rows, perSecond]) => {
    const nodes = Math.ceil(rows / rowsInMemory(largest, measured));
    const share = Math.ceil(rows / nodes);
    const one = UNITS.find(
      (units) =>
        rowsInMemory(neonCompute(units), measured) >= rows &&
        capacity(measured, rows, neonCompute(units).cores) >= perSecond,
    );
    const computes = Math.ceil(perSecond / capacity(measured, share, largest.cores));
    return {
      rows,
      "searches/s": perSecond,
      "way on": one
        ? `one compute of ${one} CU`
        : nodes > 1
          ? `${Math.max(nodes, computes)} nodes of 56 CU, by tenant`
          : `${computes} computes of 56 CU: one writes, the others are read replicas`,
    };
  });
  await report({ bench: "scale", title: "What a demand needs (simulated)", table }, run);
}

function capacity(measured: Measured, rows: number, cores: number): number {
  const next = searchTimes(measured, rows, seededRandom(7));
  return maxPerSecond(next, { cores, limit: LIMIT, random: seededRandom(8) });
}

/** The same simulation of this machine, beside what it did. */
async function reportCheck(measured: Measured, perSecond: number, run: BenchRun): Promise<readonly Target[]> {
  const random = seededRandom(7);
  const { times } = measured.indexed;
  const simulated = simulateClients(() => times[Math.floor(random() * times.length)] as number, {
    cores: availableParallelism(),
    clients: CLIENTS,
  });
  const ratio = simulated / perSecond;
  const targets: readonly Target[] = [
    {
      what: `searches/s of this machine, simulated to measured, ${CLIENTS} clients (nearer to 1 of it and its inverse)`,
      value: round(Math.min(ratio, 1 / ratio)),
      target: 0.75,
      better: "higher",
    },
  ];
  await report(
    {
      bench: "scale",
      title: "The simulation beside this machine",
      table: [
        {
          clients: CLIENTS,
          "measured, searches/s": Math.round(perSecond),
          "simulated, searches/s": Math.round(simulated),
        },
      ],
      targets,
    },
    run,
  );
  return targets;
}
