import { zipfSizes } from "./dataset.ts";

/** What one machine was seen to take, of which a larger one is put together. */
export interface Measured {
  /** Milliseconds of searches, one at a time, that compare every row of a collection of so many. */
  readonly exact: readonly Sample[];
  /** The same through an index over so many rows. */
  readonly indexed: Sample;
  /** Bytes of memory that a row asks for: the row itself, and its part of every index. */
  readonly rowBytes: number;
  /** The indexes' part of it. */
  readonly indexBytes: number;
  /** Rows from which a collection has an index. */
  readonly threshold: number;
}

export interface Sample {
  readonly rows: number;
  readonly times: readonly number[];
}

/** Neon's unit: about one core and 4 GB, three quarters of which cache data. */
export interface Compute {
  readonly cores: number;
  /** Bytes. */
  readonly cache: number;
}

export function neonCompute(units: number): Compute {
  return { cores: units, cache: 0.75 * 4e9 * units };
}

/** Rows that a compute holds in memory with all their indexes: past that a search waits for storage, page by page. */
export function rowsInMemory({ cache }: Compute, { rowBytes }: Measured): number {
  return Math.floor(cache / rowBytes);
}

/** Draws how long the next search keeps a core busy, ms: of a tenant by its share of all rows. */
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

/** Milliseconds by size: a straight line while every row is compared, then as the logarithm, as a graph's layers grow. */
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

const ARRIVALS = 20_000;

/** 95th percentile, ms, of searches that come at random, so many a second, to so many cores, and wait for a free one. */
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
    for (let other = 1; other < cores; other++)
      if ((free[other] as number) < (free[core] as number)) core = other;
    const done = Math.max(now, free[core] as number) + next();
    free[core] = done;
    took[n] = done - now;
  }
  return took.sort()[Math.floor(0.95 * ARRIVALS)] as number;
}

/** Searches a second that clients get which ask again at once, each waiting for a free core. */
export function simulateClients(
  next: () => number,
  { cores, clients }: { cores: number; clients: number },
): number {
  const free = new Float64Array(cores);
  const asks = new Float64Array(clients);
  let last = 0;
  for (let n = 0; n < ARRIVALS; n++) {
    const client = asks.indexOf(Math.min(...asks));
    const core = free.indexOf(Math.min(...free));
    last = Math.max(asks[client] as number, free[core] as number) + next();
    asks[client] = last;
    free[core] = last;
  }
  return (1000 * ARRIVALS) / last;
}

/** The most searches a second whose 95th percentile stays under `limit` ms. */
export function maxPerSecond(
  next: () => number,
  { cores, limit, random }: { cores: number; limit: number; random: () => number },
): number {
  const mean = Array.from({ length: 2_000 }, next).reduce((sum, time) => sum + time, 0) / 2_000;
  let low = 0;
  let high = (1000 * cores) / mean;
  for (let step = 0; step < 10; step++) {
    const middle = (low + high) / 2;
    if (simulateArrivals(next, { cores, perSecond: middle, random }) <= limit) low = middle;
    else high = middle;
  }
  return low;
}

/** Numbers from 0 to 1, the same in every run (xorshift32). */
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
