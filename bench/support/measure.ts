import { setTimeout } from "node:timers/promises";

export interface Latency {
  /** Milliseconds. */
  readonly p50: number;
  readonly p95: number;
}

export interface Measured extends Latency {
  /** Milliseconds of each query, in their order, as are the answers. */
  readonly times: readonly number[];
  readonly answers: readonly (readonly string[])[];
}

const WARM_UP = 20;

/** One after the other, after a few to warm up. `pause`: milliseconds before each. */
export async function measure(
  queries: readonly Float32Array[],
  search: (embedding: Float32Array) => Promise<readonly string[]>,
  { pause = 0 }: { readonly pause?: number } = {},
): Promise<Measured> {
  for (const query of queries.slice(0, WARM_UP)) await search(query);
  const times: number[] = [];
  const answers: (readonly string[])[] = [];
  for (const query of queries) {
    if (pause > 0) await setTimeout(pause);
    const started = performance.now();
    answers.push(await search(query));
    times.push(performance.now() - started);
  }
  return { ...latency(times), times, answers };
}

/**
 * Several ways in turns, so that a machine that slows down slows all. Each query begins with another way: the first to
 * ask finds the fewest of its pages in the processor's caches.
 */
export async function measureInTurns(
  queries: readonly Float32Array[],
  ways: readonly ((embedding: Float32Array) => Promise<readonly string[]>)[],
): Promise<readonly Measured[]> {
  const times = ways.map((): number[] => []);
  const answers = ways.map((): (readonly string[])[] => []);
  for (const [index, query] of [...queries.slice(0, WARM_UP), ...queries].entries())
    for (let turn = 0; turn < ways.length; turn++) {
      const way = (index + turn) % ways.length;
      const started = performance.now();
      const answer = (await ways[way]?.(query)) ?? [];
      if (index < WARM_UP) continue;
      times[way]?.push(performance.now() - started);
      answers[way]?.push(answer);
    }
  return ways.map((_, way) => {
    const taken = times[way] ?? [];
    return { ...latency(taken), times: taken, answers: answers[way] ?? [] };
  });
}

/** Queries a second of `clients` that ask without a pause for so many seconds. */
export async function throughput(
  queries: readonly Float32Array[],
  search: (embedding: Float32Array) => Promise<unknown>,
  { clients, seconds = 5 }: { readonly clients: number; readonly seconds?: number },
): Promise<number> {
  const started = performance.now();
  const until = started + 1000 * seconds;
  let asked = 0;
  const client = async (first: number) => {
    for (let at = first; performance.now() < until; at++) {
      await search(queries[at % queries.length] as Float32Array);
      asked++;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index * 7)));
  return (1000 * asked) / (performance.now() - started);
}

const TURNS = 4;

/** The same of several ways, a quarter of the seconds at a time. */
export async function throughputInTurns(
  queries: readonly Float32Array[],
  ways: readonly ((embedding: Float32Array) => Promise<unknown>)[],
  { clients, seconds }: { readonly clients: number; readonly seconds: number },
): Promise<readonly number[]> {
  const rates = ways.map(() => 0);
  for (let turn = 0; turn < TURNS; turn++)
    for (const [way, search] of ways.entries())
      rates[way] =
        (rates[way] ?? 0) +
        (await throughput(queries, search, { clients, seconds: seconds / TURNS })) / TURNS;
  return rates;
}

/** The share of the true answers that were given, over all queries. */
export function recall(answers: Measured["answers"], truth: Measured["answers"]): number {
  let found = 0;
  let all = 0;
  for (const [index, ids] of truth.entries()) {
    const given = new Set(answers[index]);
    all += ids.length;
    found += ids.filter((id) => given.has(id)).length;
  }
  return all === 0 ? 1 : found / all;
}

export function latency(times: readonly number[]): Latency {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95) };
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
