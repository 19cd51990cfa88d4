import { zipfSizes } from "./dataset.ts";
import { median } from "./measure.ts";

/** Measurements of this machine, from which larger machines are simulated. */
export interface Measured {
  /** Sequential exact searches in collections of different sizes. */
  readonly exact: readonly Sample[];
  /** Sequential searches with an index. */
  readonly indexed: Sample;
  /** Bytes per row, including its share of every index. */
  readonly rowBytes: number;
  /** Bytes per row in indexes. */
  readonly indexBytes: number;
  /** Rows from which a collection gets an index. */
  readonly threshold: number;
}

export interface Sample {
  readonly rows: number;
  /** Milliseconds of each search. */
  readonly times: readonly number[];
}

/** A Neon compute. One compute unit is about one core and 4 GB, of which three quarters cache data. */
export interface Compute {
  readonly cores: number;
  /** Bytes. */
  readonly cache: number;
}

export function neonCompute(units: number): Compute {
  return { cores: units, cache: 0.75 * 4e9 * units };
}

/** Rows that fit in a compute's memory with all their indexes. Beyond that, a search reads pages from storage. */
export function rowsInMemory({ cache }: Compute, { rowBytes }: Measured): number {
  return Math.floor(cache / rowBytes);
}

/** A generator of search times, in milliseconds of one core. The tenant is drawn in proportion to its rows. */
export function searchTimes(measured: Measured, rows: number, random: () => number): () => number {
  const sizes = zipfSizes(rows);
  const ends: number[] = [];
  let total = 0;
  for (const size of sizes) {
    total += size;
    ends.push(total);
  }
  const expected = expectedTime(measured);
  const spreads = { exact: measured.exact.flatMap(spread), indexed: spread(measured.indexed) };
  return () => {
    const size = sizes[firstAbove(ends, random() * total)] as number;
    const ratios = size < measured.threshold ? spreads.exact : spreads.indexed;
    return expected(size) * (ratios[Math.floor(random() * ratios.length)] as number);
  };
}

/** Milliseconds by size: linear for exact search, logarithmic with an HNSW index, as the number of its layers is. */
function expectedTime({ exact, indexed, threshold }: Measured): (size: number) => number {
  const [small, large] = exact.map(({ rows, times }) => ({ rows, time: median(times) })) as [Point, Point];
  const slope = (large.time - small.time) / (large.rows - small.rows);
  const layer = median(indexed.times) / Math.log(indexed.rows);
  return (size) =>
    size < threshold ? small.time + slope * (size - small.rows) : layer * Math.log(Math.max(size, threshold));
}

interface Point {
  readonly rows: number;
  readonly time: number;
}

function spread({ times }: Sample): readonly number[] {
  const middle = median(times);
  return times.map((time) => time / middle);
}

const ARRIVALS = 20_000;

/** 95th percentile latency (ms) of searches that arrive at random, `perSecond` a second, and queue for a free core. */
export function simulateArrivals(
  next: () => number,
  { cores, perSecond, random }: { cores: number; perSecond: number; random: () => number },
): number {
  const free = new Float64Array(cores);
  const took = new Float64Array(ARRIVALS);
  let now = 0;
  for (let n = 0; n < ARRIVALS; n++) {
    now -= (1000 / perSecond) * Math.log(1 - random());
    let core = 0;
    for (let other = 1; other < cores; other++) if ((free[other] as number) < (free[core] as number)) core = other;
    const done = Math.max(now, free[core] as number) + next();
    free[core] = done;
    took[n] = done - now;
  }
  return took.sort()[Math.floor(0.95 * ARRIVALS)] as number;
}

/** Throughput (searches/s) of clients that search continuously and queue for a free core. */
export function simulateClients(next: () => number, { cores, clients }: { cores: number; clients: number }): number {
  const free = new Float64Array(cores);
  const ready = new Float64Array(clients);
  let last = 0;
  for (let n = 0; n < ARRIVALS; n++) {
    const client = ready.indexOf(Math.min(...ready));
    const core = free.indexOf(Math.min(...free));
    last = Math.max(ready[client] as number, free[core] as number) + next();
    ready[client] = last;
    free[core] = last;
  }
  return (1000 * ARRIVALS) / last;
}

/** The highest rate (searches/s) at which the 95th percentile latency stays under `maxP95` ms. */
export function maxPerSecond(
  next: () => number,
  { cores, maxP95, random }: { cores: number; maxP95: number; random: () => number },
): number {
  const mean = Array.from({ length: 2_000 }, next).reduce((sum, time) => sum + time, 0) / 2_000;
  let low = 0;
  let high = (1000 * cores) / mean;
  for (let step = 0; step < 10; step++) {
    const middle = (low + high) / 2;
    if (simulateArrivals(next, { cores, perSecond: middle, random }) <= maxP95) low = middle;
    else high = middle;
  }
  return low;
}

/** A pseudo-random generator (xorshift32) of numbers from 0 to 1. The same seed gives the same numbers. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function firstAbove(ends: readonly number[], value: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
