import { mulberry32 } from "@cairn/chroma/verify/sample.ts";

/**
 * Clustered vectors of unit length that resemble embeddings of real texts: a direction that all share, topics, subtopics,
 * and a part of its own. Every index performs badly on uniform vectors. The same seed gives the same vectors.
 */
export function* clusteredVectors(count: number, dimensions: number, seed = 1, topics = 100): Generator<Float32Array> {
  const random = mulberry32(seed);
  const normal = () => random() + random() + random() + random() - 2;
  const randomVector = (size: number) => Float32Array.from({ length: dimensions }, () => size * normal());
  const shared = randomVector(0.6);
  const topicCenters = Array.from({ length: topics }, () => ({
    center: randomVector(1),
    subtopics: Array.from({ length: 10 }, () => randomVector(0.6)),
  }));
  for (let index = 0; index < count; index++) {
    const { center, subtopics } = pick(topicCenters, random);
    const subtopic = pick(subtopics, random);
    const vector = new Float32Array(dimensions);
    let square = 0;
    for (let i = 0; i < dimensions; i++) {
      const element = at(shared, i) + at(center, i) + at(subtopic, i) + 0.5 * normal();
      vector[i] = element;
      square += element * element;
    }
    const length = Math.sqrt(square);
    for (let i = 0; i < dimensions; i++) vector[i] = at(vector, i) / length;
    yield vector;
  }
}

function pick<T>(items: readonly T[], random: () => number): T {
  return items[Math.floor(random() * items.length)] as T;
}

function at(vector: Float32Array, index: number): number {
  return vector[index] as number;
}

const WORDS =
  "return refund parcel warranty invoice repair shipping order address account password delivery store hours gift card damaged exchange".split(
    " ",
  );

/** A passage of 60 words. */
export function passage(index: number): string {
  const random = mulberry32(index + 7);
  return Array.from({ length: 60 }, () => WORDS[Math.floor(random() * WORDS.length)]).join(" ");
}
