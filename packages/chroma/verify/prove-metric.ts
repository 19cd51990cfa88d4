import { METRICS, type Metric } from "@cairn/core/collection/metric.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import type { NearRecord, Source, SourceCollection } from "../source/source.ts";
import { mulberry32 } from "./sample.ts";

/** Hits of the one query that is asked. */
const TOP_K = 10;

/** The share of the hits whose distance must be the metric's: a record may change between index and answer. */
const ENOUGH = 0.8;

/**
 * The metric that a Chroma server really uses for a collection, told by the distances that it answers with. Null where
 * they are none of the three; undefined where there is nothing to tell it by.
 */
async function proveMetric(source: Source, collection: SourceCollection): Promise<Metric | null | undefined> {
  const { dimensions, metric: described } = collection;
  if (dimensions === null) return undefined;
  const query = probe(dimensions);
  const hits = (await source.nearest(collection, query, TOP_K)).filter(isUsable);
  if (hits.length === 0) return undefined;
  const fits = (metric: Metric) =>
    hits.filter((hit) => agrees(metric, query, hit)).length >= ENOUGH * hits.length;
  return [described, ...METRICS].find(fits) ?? null;
}

/** A plan with the metric that its source really uses, and with a notice where Chroma describes another. */
export async function withProvenMetric(
  source: Source,
  planned: PlannedCollection,
): Promise<PlannedCollection> {
  if (planned.vectors === "embed") return planned; // no vector of Chroma's is used
  const proven = await proveMetric(source, planned.source);
  if (proven === undefined || proven === planned.source.metric) return planned;
  if (proven === null) return { ...planned, metricUnproven: true };
  const { name, metric } = planned.source;
  const notice = `${name}: Chroma describes its metric as ${metric} and measures by ${proven}, so it is compared and migrated as ${proven}.`;
  return {
    ...planned,
    source: { ...planned.source, metric: proven },
    notice: planned.notice ? `${planned.notice} ${notice}` : notice,
  };
}

/** A vector of no unit length, as cosine and inner product agree on those. Deterministic. */
function probe(dimensions: number): Float32Array {
  const random = mulberry32(dimensions);
  const vector = Float32Array.from({ length: dimensions }, () => random() - 0.4);
  const scale = 2 / Math.sqrt(sumOf(vector, vector));
  return vector.map((element) => element * scale);
}

function isUsable({ distance, embedding }: NearRecord): boolean {
  return Number.isFinite(distance) && embedding !== null && sumOf(embedding, embedding) > 0;
}

/** Whether a distance is the metric's, within what single precision and an index lose. */
function agrees(metric: Metric, query: Float32Array, { embedding, distance }: NearRecord): boolean {
  if (embedding === null || embedding.length !== query.length) return false;
  const dot = sumOf(query, embedding);
  const [q, v] = [sumOf(query, query), sumOf(embedding, embedding)];
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

function sumOf(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
