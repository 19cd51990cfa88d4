/** How far apart two vectors are. Distances are the ones that Chroma reports, see search/metric.ts. */
export type Metric = "cosine" | "l2" | "ip";

export const METRICS: readonly Metric[] = ["cosine", "l2", "ip"];
