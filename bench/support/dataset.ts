import type { NewDocument } from "@cairn/core/document/document.ts";
import { clusteredVectors, passage } from "./vectors.ts";

export const DIMENSIONS = 1536;

/** Query vectors. They come from the same distribution and are not in the data. */
const QUERIES = 200;

export type BenchDocument = NewDocument & { readonly id: string; readonly embedding: Float32Array };

export interface Dataset {
  readonly documents: readonly BenchDocument[];
  readonly queries: readonly Float32Array[];
}

/** A filter that `percent` % of any tenant's documents match. */
export function percentFilter(percent: number): { readonly percent: { readonly $in: readonly number[] } } {
  return { percent: { $in: Array.from({ length: percent }, (_, at) => (7 + 13 * at) % 100) } };
}

/** `size` documents and the queries, identical in every run. */
export function makeDataset(size: number, queries = QUERIES): Dataset {
  process.stderr.write(`  generating ${size} vectors\n`);
  const vectors = [...clusteredVectors(size + queries, DIMENSIONS)];
  return {
    documents: vectors.slice(0, size).map((embedding, index) => makeDocument(index, embedding)),
    queries: vectors.slice(size),
  };
}

export function makeDocument(index: number, embedding: Float32Array): BenchDocument {
  return {
    id: `doc-${index}`,
    content: passage(index),
    metadata: { index, topic: `topic-${index % 20}`, percent: Math.floor(index / 3) % 100 },
    embedding,
  };
}

/** Tenant sizes by Zipf's law (exponent 1.1), largest first. 100,000 rows give 200 tenants of 21,000 to 60 rows. */
export function zipfSizes(total: number): readonly number[] {
  const count = Math.max(20, Math.round(total / 500));
  const weights = Array.from({ length: count }, (_, rank) => (rank + 1) ** -1.1);
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return weights.map((weight) => Math.max(50, Math.floor((total * weight) / sum)));
}
