import { createCollection } from "@cairn/core/collection/create.ts";
import type { IndexSettings } from "@cairn/core/database/collection-settings.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import type { Metric } from "@cairn/core/index/metric.ts";
import type { DatabaseFixture } from "./fixture.ts";

/** A pseudo-random sequence from 0 to 1 that is the same in every run: mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomFrom(1);

export const randomVector = (dimensions: number) => Float32Array.from({ length: dimensions }, () => random() * 2 - 1);

const WORDS = ["return", "refund", "parcel", "warranty", "invoice", "repair", "shipping", "order"];

/** Documents with two words, a number and a random vector. Every hundredth is rare. */
export function randomDocuments(count: number, dimensions: number, prefix = "d") {
  return Array.from({ length: count }, (_, n) => ({
    id: `${prefix}${n}`,
    content: `${WORDS[n % 8]} ${WORDS[(n >> 3) % 8]} passage ${n}`,
    metadata: { n, rare: n % 100 === 7 },
    embedding: randomVector(dimensions),
  }));
}

export interface RandomCollectionOptions {
  /** Default: 1,500. */
  readonly count?: number;
  /** Default: 8. */
  readonly dimensions?: number;
  /** Default: cosine. */
  readonly metric?: Metric;
  readonly indexSettings?: IndexSettings;
}

/** Creates a collection of random documents. */
export async function createRandomCollection(
  { database, services }: DatabaseFixture,
  tenantId: string,
  {
    name,
    count = 1_500,
    dimensions = 8,
    metric = "cosine",
    indexSettings = {},
  }: RandomCollectionOptions & { readonly name: string },
) {
  const collection = await createCollection(database, tenantId, {
    name,
    metric,
    dimensions,
    embeddingModel: "offline/words",
    indexSettings,
  });
  await ingest(services, tenantId, { collection: name, documents: randomDocuments(count, dimensions) });
  return collection;
}
