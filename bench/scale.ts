import { availableParallelism } from "node:os";
import { INDEX_DEFAULTS } from "@cairn/core/index/settings.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
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
import { report } from "./support/results.ts";
import type { BenchRun } from "./support/run.ts";
import { startServers } from "./support/servers.ts";
import type { Target } from "./support/target.ts";

const COMPUTE_UNITS = [1, 2, 4, 8, 16, 56];
const MAX_P95_MS = 50;
const CLIENTS = 4;
/** Typical workloads: rows, and searches a second. */
const WORKLOADS: readonly (readonly [number, number])[] = [
  [100_000, 20],
  [1_000_000, 200],
  [5_000_000, 1_000],
  [5_000_000, 40_000],
  [25_000_000, 5_000],
  [100_000_000, 20_000],
];

/**
 * The capacity of one Neon compute: measures the time of a search and the size of a row on this machine, and simulates
 * larger machines from them. The simulation is checked against this machine's measured throughput.
 */
export async function benchScale(run: BenchRun): Promise<readonly Target[]> {
  const servers = await startServers();
  const cairn = await openCairn(servers.databaseUrl);
  try {
    const data = makeDataset(run.size);
    const { measured, perSecond } = await measureMachine(cairn, data);
    await reportComputes(measured, run);
    await reportWorkloads(measured, run);
    return await reportValidation(measured, perSecond, run);
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
    for (const [index, query] of [...data.queries, ...data.queries].entries()) {
      const started = performance.now();
      await search(query);
      if (index >= data.queries.length) times.push(performance.now() - started); // the first half warms up
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
  const computes = COMPUTE_UNITS.map((units) => {
    const compute = neonCompute(units);
    const rows = rowsInMemory(compute, measured);
    const maxRate = maxPerSecond(searchTimes(measured, rows, seededRandom(7)), {
      ...compute,
      maxP95: MAX_P95_MS,
      random: seededRandom(8),
    });
    return { units, compute, rows, maxRate };
  });
  for (const { units, compute, rows, maxRate } of computes)
    table.push({
      "compute, CU": units,
      "cache, GB": round(compute.cache / 1e9, 0),
      "rows in memory": rows,
      "size of their indexes, GB": round((rows * measured.indexBytes) / 1e9, 1),
      tenants: zipfSizes(rows).length,
      [`searches/s, p95 < ${MAX_P95_MS} ms`]: Math.round(maxRate),
    });
  const [, , , eight] = computes;
  const shares = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99];
  await report(
    {
      bench: "scale",
      title: "Capacity of one Neon compute (simulated)",
      table,
      note: `A row takes ${round(measured.rowBytes / 1000, 1)} kB with its indexes. Searches arrive at random; a tenant's share of them is its share of the rows. Tenant sizes follow Zipf's law.`,
      plots: [
        {
          title: "Searches a second by compute",
          x: { label: "compute, CU", log: true },
          y: { label: "searches/s", log: true },
          series: [
            {
              name: `p95 under ${MAX_P95_MS} ms`,
              points: computes.map(({ units, maxRate }) => [units, maxRate] as const),
            },
          ],
        },
        {
          title: "p95 by load, 8 CU",
          x: { label: "load, share of capacity" },
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
                          perSecond: share * eight.maxRate,
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

/** The deployment that each workload needs. */
async function reportWorkloads(measured: Measured, run: BenchRun): Promise<void> {
  const largest = neonCompute(COMPUTE_UNITS.at(-1) as number);
  const table = WORKLOADS.map(([rows, perSecond]) => {
    const nodes = Math.ceil(rows / rowsInMemory(largest, measured));
    const rowsPerNode = Math.ceil(rows / nodes);
    const smallestCompute = COMPUTE_UNITS.find(
      (units) =>
        rowsInMemory(neonCompute(units), measured) >= rows &&
        capacity(measured, rows, neonCompute(units).cores) >= perSecond,
    );
    const computes = Math.ceil(perSecond / capacity(measured, rowsPerNode, largest.cores));
    return {
      rows,
      "searches/s": perSecond,
      deployment: smallestCompute
        ? `one compute of ${smallestCompute} CU`
        : nodes > 1
          ? `${Math.max(nodes, computes)} nodes of 56 CU, sharded by tenant`
          : `${computes} computes of 56 CU: one primary, the others read replicas`,
    };
  });
  await report({ bench: "scale", title: "Deployment by workload (simulated)", table }, run);
}

function capacity(measured: Measured, rows: number, cores: number): number {
  const next = searchTimes(measured, rows, seededRandom(7));
  return maxPerSecond(next, { cores, maxP95: MAX_P95_MS, random: seededRandom(8) });
}

/** Compares the simulation of this machine with its measured throughput. */
async function reportValidation(measured: Measured, perSecond: number, run: BenchRun): Promise<readonly Target[]> {
  const random = seededRandom(7);
  const { times } = measured.indexed;
  const simulated = simulateClients(() => times[Math.floor(random() * times.length)] as number, {
    cores: availableParallelism(),
    clients: CLIENTS,
  });
  const ratio = simulated / perSecond;
  const targets: readonly Target[] = [
    {
      what: `searches/s of this machine, simulated to measured, ${CLIENTS} clients (the ratio or its inverse, whichever is below 1)`,
      value: round(Math.min(ratio, 1 / ratio)),
      target: 0.75,
      better: "higher",
    },
  ];
  await report(
    {
      bench: "scale",
      title: "Simulation and measurement on this machine",
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
