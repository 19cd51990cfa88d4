import { mulberry32 } from "@cairn/chroma/verify/sample.ts";

/**
 * Clustered vectors of unit length, as embeddings of real texts are: uniform ones would make every index look bad.
 * The same seed gives the same vectors.
 */
export function* clusteredVectors(
  count: number,
  dimensions: number,
  seed = 1,
  clusters = 100,
): Generator<Float32Array> {
  const random = mulberry32(seed);
  const normal = () => random() + random() + random() + random() - 2;
  const centres = Array.from({ length: clusters }, () => Float32Array.from({ length: dimensions }, normal));
  for (let index = 0; index < count; index++) {
    const centre = centres[Math.floor(random() * clusters)] as Float32Array;
    const vector = centre.map((element) => element + 0.5 * normal());
    let length = 0;
    for (const element of vector) length += element * element;
    yield vector.map((element) => element / Math.sqrt(length));
  }
}

const WORDS =
  "return refund parcel warranty invoice repair shipping order address account password delivery store hours gift card damaged exchange".split(
    " ",
  );

/** A passage of some 60 words. */
export function passage(index: number): string {
  const random = mulberry32(index + 7);
  return Array.from({ length: 60 }, () => WORDS[Math.floor(random() * WORDS.length)]).join(" ");
}
