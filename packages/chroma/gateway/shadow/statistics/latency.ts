/** Upper limits of the latency buckets, in milliseconds. One more bucket holds what took longer. */
export const LATENCY_LIMITS: readonly number[] = [
  0.5, 1, 1.5, 2.5, 4, 6, 10, 15, 25, 40, 60, 100, 150, 250, 400, 600, 1_000, 2_000, 5_000, 10_000, 30_000,
];

/** A new histogram: the count of each bucket. */
export function emptyLatency(): number[] {
  return Array<number>(LATENCY_LIMITS.length + 1).fill(0);
}

/** The index of the bucket of a latency. */
export function latencyBucket(milliseconds: number): number {
  const at = LATENCY_LIMITS.findIndex((limit) => milliseconds <= limit);
  return at < 0 ? LATENCY_LIMITS.length : at;
}

/** The sum of two histograms. */
export function addLatency(a: readonly number[], b: readonly number[]): number[] {
  return emptyLatency().map((_, at) => (a[at] ?? 0) + (b[at] ?? 0));
}

/**
 * A percentile (0 to 1) of a histogram in milliseconds, interpolated within its bucket: right to about half of itself.
 * Null: the histogram is empty.
 */
export function latencyPercentile(counts: readonly number[], percentile: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let before = 0;
  for (const [at, count] of counts.entries()) {
    if (count > 0 && before + count >= percentile * total) {
      const lower = LATENCY_LIMITS[at - 1] ?? 0;
      const upper = LATENCY_LIMITS[at] ?? lower; // beyond the last limit: at least that
      return lower + ((percentile * total - before) / count) * (upper - lower);
    }
    before += count;
  }
  return LATENCY_LIMITS.at(-1) ?? null;
}
