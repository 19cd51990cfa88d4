/** The distance function of a collection. Distances are those that Chroma reports, see search/metric.ts. */
export type Metric = "cosine" | "l2" | "ip";

export const METRICS: readonly Metric[] = ["cosine", "l2", "ip"];
