/** Reads of a tenant in each minute that are all compared, and what is compared of those above: one in this number. */
const ALL_UNTIL = 100;
const ONE_IN = 10;

const MINUTE_MS = 60_000;

/** Whether to compare the next read of a tenant. `share`: of all its reads, 0 to 1. */
export type Sampler = (tenantId: string, share?: number) => boolean;

/**
 * Chooses reads. By default a tenant's first hundred reads of a minute are compared, and then every tenth: a quiet
 * tenant has enough comparisons to decide after a day, and a busy one adds at most a tenth to the reads of Cairn. The
 * counts of the last minute are forgotten.
 */
export function createSampler(now: () => number = Date.now): Sampler {
  const counts = new Map<string, number>();
  let minute = 0;
  return (tenantId, share) => {
    const current = Math.floor(now() / MINUTE_MS);
    if (current !== minute) counts.clear();
    minute = current;
    const count = (counts.get(tenantId) ?? 0) + 1;
    counts.set(tenantId, count);
    if (share !== undefined) return Math.floor(count * share) > Math.floor((count - 1) * share);
    return count <= ALL_UNTIL || count % ONE_IN === 0;
  };
}
