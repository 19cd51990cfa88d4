import { mulberry32 } from "@cairn/chroma/verify/sample.ts";
import type { BenchDocument } from "../support/dataset.ts";
import type { TextVectors } from "./cached-vectors.ts";

/** A set of records with queries that are not in it. */
export interface RecordSet {
  readonly name: string;
  readonly documents: readonly RealDocument[];
  readonly queries: readonly Float32Array[];
}

export type RealDocument = BenchDocument & { readonly metadata: RecordMetadata };

export interface RecordMetadata {
  readonly [key: string]: string | number;
  /** 0 to 100, independent of the vector. */
  readonly percent: number;
  /** Rank of the vector's projection on a fixed direction, 0 to 100: similar vectors have similar scores. */
  readonly score: number;
  /** One of 100, independent of the vector. */
  readonly bucket: string;
  /** The nearest of 50 fixed vectors: similar vectors have the same topic. */
  readonly topic: string;
}

/** `size` records and the queries, at random from the set; the same in every run. */
export function makeRecords(
  name: string,
  { texts, vectors }: TextVectors,
  { size, queries }: { readonly size: number; readonly queries: number },
): RecordSet {
  if (texts.length < size + queries)
    throw new Error(`The set ${name} has ${texts.length} vectors; ${size + queries} are needed. Use a smaller --size.`);
  const random = mulberry32(11);
  const order = shuffle([...vectors.keys()], random);
  const chosen = order.slice(0, size);
  const vectorAt = (index: number) => unit(vectors[index] as Float32Array);
  const direction = vectorAt(order.at(-1) as number);
  const topics = order.slice(-51, -1).map(vectorAt);
  const embeddings = chosen.map(vectorAt);
  const scores = percentRanks(embeddings.map((vector) => dot(vector, direction)));
  const documents = embeddings.map((embedding, index) => {
    const percent = Math.round(1e6 * random()) / 1e4;
    const bucket = `bucket-${Math.floor(percent)}`;
    const topic = `topic-${nearest(embedding, topics)}`;
    const metadata = { percent, score: scores[index] as number, bucket, topic };
    return { id: `doc-${index}`, content: texts[chosen[index] as number] as string, metadata, embedding };
  });
  return { name, documents, queries: order.slice(size, size + queries).map(vectorAt) };
}

function shuffle(items: number[], random: () => number): readonly number[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other] as number, items[last] as number];
  }
  return items;
}

function percentRanks(values: readonly number[]): readonly number[] {
  const sorted = Float64Array.from(values).sort();
  const rank = new Map([...sorted].map((value, at) => [value, (100 * at) / sorted.length]));
  return values.map((value) => Math.round(1e4 * (rank.get(value) as number)) / 1e4);
}

function nearest(vector: Float32Array, others: readonly Float32Array[]): number {
  const products = others.map((other) => dot(vector, other));
  return products.indexOf(Math.max(...products));
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector)) || 1;
  return vector.map((element) => element / length);
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
