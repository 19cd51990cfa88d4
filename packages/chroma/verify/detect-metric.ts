import { METRICS, type Metric } from "@cairn/core/index/metric.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import type { Source, SourceCollection, VectorHit } from "../source/source.ts";
import { mulberry32 } from "./sample.ts";

/** Hits of the probe query. */
const TOP_K = 10;

/** The share of hits whose distance must match the metric. A record may change between the index read and the response. */
const MIN_MATCHING_SHARE = 0.8;

/**
 * The metric that a Chroma server actually uses for a collection, detected from the distances that it returns. Null if they
 * match none of the three metrics; undefined if there are no hits to compare.
 */
async function detectMetric(source: Source, collection: SourceCollection): Promise<Metric | null | undefined> {
  const { dimensions, metric: described } = collection;
  if (dimensions === null) return undefined;
  const query = createProbeVector(dimensions);
  const hits = (await source.queryWithVectors(collection, query, TOP_K)).filter(isUsable);
  if (hits.length === 0) return undefined;
  const matchesDistances = (metric: Metric) =>
    hits.filter((hit) => matchesMetric(metric, query, hit)).length >= MIN_MATCHING_SHARE * hits.length;
  return [described, ...METRICS].find(matchesDistances) ?? null;
}

/** The plan with the metric that its source actually uses, and with a notice if Chroma describes another one. */
export async function withDetectedMetric(source: Source, planned: PlannedCollection): Promise<PlannedCollection> {
  if (planned.vectors === "embed") return planned; // Chroma's vectors are not used
  const detected = await detectMetric(source, planned.source);
  if (detected === undefined || detected === planned.source.metric) return planned;
  if (detected === null) return { ...planned, metricUnconfirmed: true };
  const { name, metric } = planned.source;
  const notice = `${name}: Chroma describes its metric as ${metric} but returns ${detected} distances, so the collection is compared and migrated as ${detected}.`;
  return {
    ...planned,
    source: { ...planned.source, metric: detected },
    notice: planned.notice ? `${planned.notice} ${notice}` : notice,
  };
}

/** A vector that does not have unit length, because cosine and inner product agree on unit vectors. Deterministic. */
function createProbeVector(dimensions: number): Float32Array {
  const random = mulberry32(dimensions);
  const vector = Float32Array.from({ length: dimensions }, () => random() - 0.4);
  const scale = 2 / Math.sqrt(dotProduct(vector, vector));
  return vector.map((element) => element * scale);
}

function isUsable({ distance, embedding }: VectorHit): boolean {
  return Number.isFinite(distance) && embedding !== null && dotProduct(embedding, embedding) > 0;
}

/** Whether a distance matches the metric, within the error of single precision and of an index. */
function matchesMetric(metric: Metric, query: Float32Array, { embedding, distance }: VectorHit): boolean {
  if (embedding === null || embedding.length !== query.length) return false;
  const dot = dotProduct(query, embedding);
  const [q, v] = [dotProduct(query, query), dotProduct(embedding, embedding)];
  const lengths = Math.sqrt(q * v);
  switch (metric) {
    case "cosine":
      return Math.abs(distance - (1 - dot / lengths)) < 1e-3;
    case "l2":
      return Math.abs(distance - (q + v - 2 * dot)) < 1e-4 * (q + v);
    case "ip":
      return Math.abs(distance - (1 - dot)) < 1e-4 * (1 + lengths);
  }
}

function dotProduct(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
