import { findVectorFault } from "@cairn/core/collection/vector-fault.ts";
import { readRecordPages } from "../source/record-pages.ts";
import type { Source, SourceCollection } from "../source/source.ts";

/**
 * Divides queries among collections as evenly as possible. If there are more collections than queries, the largest
 * collections get them. Deterministic.
 */
export function divideQueries(counts: readonly number[], queries: number): readonly number[] {
  const order = counts
    .map((count, index) => ({ count, index }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count);
  const shares = counts.map(() => 0);
  for (let assigned = 0; assigned < queries && order.length > 0; assigned++) {
    const { index } = order[assigned % order.length] as { index: number };
    shares[index] = (shares[index] ?? 0) + 1;
  }
  return shares;
}

/**
 * Yields up to `count` usable vectors, spread over the collection in the server's order. They are read page by page as they
 * are consumed, because the vectors of all queries would take 640 MB at 16,000 dimensions.
 */
export async function* sampleVectors(
  source: Source,
  collection: SourceCollection,
  total: number,
  count: number,
): AsyncGenerator<Float32Array> {
  if (total === 0 || count === 0) return; // the collection may be deleted
  const offsets = [
    ...new Set(Array.from({ length: count }, (_, index) => Math.floor(((index + 0.5) * total) / count))),
  ];
  const ids = new Set<string>();
  for (const offset of offsets) for (const id of await source.listIds(collection, { offset, limit: 1 })) ids.add(id);
  const sampled = [...ids];
  for (let start = 0; start < sampled.length; start += PAGE_SIZE)
    for await (const page of readRecordPages(source, collection, sampled.slice(start, start + PAGE_SIZE)))
      for (const { embedding } of page.values())
        if (embedding !== null && !findVectorFault(embedding, "cosine")) yield embedding;
}

/** Records in one request. */
const PAGE_SIZE = 100;

/**
 * A query vector near a record, like a user's query: the record's vector plus noise of a fifth of its length.
 * Deterministic, so that a second verification runs the same queries.
 */
export function addNoise(vector: Float32Array, seed: number): Float32Array {
  const random = mulberry32(seed);
  let length = 0;
  for (const element of vector) length += element * element;
  const scale = (0.2 * Math.sqrt(length)) / Math.sqrt(vector.length);
  return vector.map((element) => element + scale * (random() + random() + random() - 1.5) * 2);
}

/** A seeded random number generator for the range 0 to 1. Source: Tommy Ettinger's Mulberry32, public domain. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
