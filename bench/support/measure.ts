export interface Latency {
  /** Milliseconds. */
  readonly p50: number;
  readonly p95: number;
}

export interface Measured extends Latency {
  readonly answers: readonly (readonly string[])[];
}

/** One after the other, after a few to warm up. */
export async function measure(
  queries: readonly Float32Array[],
  search: (embedding: Float32Array) => Promise<readonly string[]>,
): Promise<Measured> {
  for (const query of queries.slice(0, 20)) await search(query);
  const times: number[] = [];
  const answers: (readonly string[])[] = [];
  for (const query of queries) {
    const started = performance.now();
    answers.push(await search(query));
    times.push(performance.now() - started);
  }
  return { ...latency(times), answers };
}

/** Two ways in turns, so that a machine that slows down slows both. */
export async function measureInTurns(
  queries: readonly Float32Array[],
  ways: readonly ((embedding: Float32Array) => Promise<readonly string[]>)[],
): Promise<readonly Measured[]> {
  const times = ways.map((): number[] => []);
  const answers = ways.map((): (readonly string[])[] => []);
  for (const [index, query] of [...queries.slice(0, 20), ...queries].entries())
    for (const [way, search] of ways.entries()) {
      const started = performance.now();
      const answer = await search(query);
      if (index < 20) continue;
      times[way]?.push(performance.now() - started);
      answers[way]?.push(answer);
    }
  return ways.map((_, way) => ({ ...latency(times[way] ?? []), answers: answers[way] ?? [] }));
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
