import { setTimeout } from "node:timers/promises";

export interface Latency {
  /** Milliseconds. */
  readonly p50: number;
  readonly p95: number;
}

export interface Measured extends Latency {
  /** Milliseconds of each query, in the order of the queries. */
  readonly times: readonly number[];
  /** Result ids of each query, in the order of the queries. */
  readonly results: readonly (readonly string[])[];
}

const WARM_UP_QUERIES = 20;

/** Measures the queries sequentially, after a warm-up. `pause`: milliseconds before each. */
export async function measure(
  queries: readonly Float32Array[],
  search: (embedding: Float32Array) => Promise<readonly string[]>,
  { pause = 0 }: { readonly pause?: number } = {},
): Promise<Measured> {
  for (const query of queries.slice(0, WARM_UP_QUERIES)) await search(query);
  const times: number[] = [];
  const results: (readonly string[])[] = [];
  for (const query of queries) {
    if (pause > 0) await setTimeout(pause);
    const started = performance.now();
    results.push(await search(query));
    times.push(performance.now() - started);
  }
  return { ...latency(times), times, results };
}

/**
 * Measures several searches in turns, so that a slower machine affects all of them. Each query starts with another search,
 * because the first one finds the fewest pages in the processor's caches.
 */
export async function measureInTurns(
  queries: readonly Float32Array[],
  searches: readonly ((embedding: Float32Array) => Promise<readonly string[]>)[],
): Promise<readonly Measured[]> {
  const times = searches.map((): number[] => []);
  const results = searches.map((): (readonly string[])[] => []);
  for (const [index, query] of [...queries.slice(0, WARM_UP_QUERIES), ...queries].entries())
    for (let turn = 0; turn < searches.length; turn++) {
      const which = (index + turn) % searches.length;
      const started = performance.now();
      const ids = (await searches[which]?.(query)) ?? [];
      if (index < WARM_UP_QUERIES) continue;
      times[which]?.push(performance.now() - started);
      results[which]?.push(ids);
    }
  return searches.map((_, which) => {
    const ownTimes = times[which] ?? [];
    return { ...latency(ownTimes), times: ownTimes, results: results[which] ?? [] };
  });
}

/** Throughput (queries/s) of `clients` that search without a pause for `seconds`. */
export async function throughput(
  queries: readonly Float32Array[],
  search: (embedding: Float32Array) => Promise<unknown>,
  { clients, seconds = 5 }: { readonly clients: number; readonly seconds?: number },
): Promise<number> {
  const started = performance.now();
  const until = started + 1000 * seconds;
  let completed = 0;
  const client = async (first: number) => {
    for (let at = first; performance.now() < until; at++) {
      await search(queries[at % queries.length] as Float32Array);
      completed++;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index * 7)));
  return (1000 * completed) / (performance.now() - started);
}

const TURNS = 4;

/** Throughput of several searches, measured in four turns of a quarter of `seconds` each. */
export async function throughputInTurns(
  queries: readonly Float32Array[],
  searches: readonly ((embedding: Float32Array) => Promise<unknown>)[],
  { clients, seconds }: { readonly clients: number; readonly seconds: number },
): Promise<readonly number[]> {
  const rates = searches.map(() => 0);
  for (let turn = 0; turn < TURNS; turn++)
    for (const [which, search] of searches.entries())
      rates[which] =
        (rates[which] ?? 0) + (await throughput(queries, search, { clients, seconds: seconds / TURNS })) / TURNS;
  return rates;
}

/** Recall: the share of the true neighbors that the searches returned, over all queries. */
export function recall(results: Measured["results"], truth: Measured["results"]): number {
  let found = 0;
  let all = 0;
  for (const [index, ids] of truth.entries()) {
    const returned = new Set(results[index]);
    all += ids.length;
    found += ids.filter((id) => returned.has(id)).length;
  }
  return all === 0 ? 1 : found / all;
}

export function latency(times: readonly number[]): Latency {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95) };
}

/** The middle value; of an even number the upper one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
