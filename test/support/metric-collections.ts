import { createCollection } from "@cairn/core/collection/create.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { METRICS, type Metric } from "@cairn/core/index/metric.ts";
import type { DatabaseFixture } from "./fixture.ts";
import { randomFrom } from "./random-documents.ts";

export const DIMENSIONS = 24;
export const COUNT = 400;

const random = randomFrom(7);
export const randomVector = () => Float32Array.from({ length: DIMENSIONS }, () => random() * 4 - 2);
export const documents = Array.from({ length: COUNT }, (_, n) => ({
  id: `d${String(n).padStart(3, "0")}`,
  content: n % 50 === 0 ? null : `passage ${n}`,
  metadata: { n, rare: n % 100 === 0 },
  embedding: randomVector(),
}));

/** Creates a collection of these documents for each metric, named after it. */
export async function createMetricCollections(
  { database, services }: DatabaseFixture,
  tenantId: string,
): Promise<void> {
  for (const metric of METRICS) {
    await createCollection(database, tenantId, {
      name: metric,
      metric,
      dimensions: DIMENSIONS,
      embeddingModel: "offline/words",
    });
    await ingest(services, tenantId, { collection: metric, documents });
  }
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, element, i) => sum + element * (b[i] as number), 0);

/** The distances of Chroma (hnswlib): cosine 1 − cos, l2 squared, ip 1 − dot. */
const DISTANCES: Readonly<Record<Metric, (a: Float32Array, b: Float32Array) => number>> = {
  cosine: (a, b) => 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
  l2: (a, b) => a.reduce((sum, element, i) => sum + (element - (b[i] as number)) ** 2, 0),
  ip: (a, b) => 1 - dot(a, b),
};

/** The documents that `keep` selects by their number, nearest first. */
export function bruteForce(metric: Metric, embedding: Float32Array, keep: (n: number) => boolean = () => true) {
  return documents
    .filter(({ metadata }) => keep(metadata.n))
    .map((document) => ({ id: document.id, distance: DISTANCES[metric](embedding, document.embedding) }))
    .sort((a, b) => a.distance - b.distance);
}
