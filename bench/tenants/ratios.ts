import type { Measured } from "../support/measure.ts";
import type { TenantMeasurement } from "./measurement.ts";

/** Chroma's latency to Cairn's, for both ways of keeping tenants in Chroma. */
export function latencyRatios({ cairn, perTenant, where }: TenantMeasurement) {
  const ratio = ({ p50, p95 }: Measured) => ({ p50: p50 / cairn.p50, p95: p95 / cairn.p95 });
  return { perTenant: ratio(perTenant), where: ratio(where) };
}

export function lowestRatio(measurement: TenantMeasurement): number {
  return Math.min(...Object.values(latencyRatios(measurement)).flatMap(({ p50, p95 }) => [p50, p95]));
}
