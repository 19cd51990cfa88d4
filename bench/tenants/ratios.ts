import type { Measured } from "../support/measure.ts";
import type { Seen } from "../tenants.ts";

/** Chroma's latency to Cairn's, of both ways to keep tenants there. */
export function ratiosOf({ own, each, where }: Seen) {
  const to = ({ p50, p95 }: Measured) => ({ p50: p50 / own.p50, p95: p95 / own.p95 });
  return { each: to(each), where: to(where) };
}

export function leastRatio(seen: Seen): number {
  return Math.min(...Object.values(ratiosOf(seen)).flatMap(({ p50, p95 }) => [p50, p95]));
}
