/**
 * Subtracts from each vector the mean and the projection on the first principal component: all word vectors share them, so they
 * say nothing about a word (Arora et al. 2017, A Simple but Tough-to-Beat Baseline for Sentence Embeddings). `frequencies`:
 * how much each vector counts in the mean and in the component.
 */
export function removeCommonComponent(
  vectors: readonly Float32Array[],
  frequencies: readonly number[],
): readonly Float32Array[] {
  const mean = weightedMean(vectors, frequencies);
  const centered = vectors.map((vector) => vector.map((element, at) => element - (mean[at] as number)));
  const component = firstComponent(centered, frequencies);
  return centered.map((vector) => {
    const projection = dot(vector, component);
    return vector.map((element, at) => element - projection * (component[at] as number));
  });
}

function weightedMean(vectors: readonly Float32Array[], frequencies: readonly number[]): Float64Array {
  const sum = new Float64Array(vectors[0]?.length ?? 0);
  for (const [row, vector] of vectors.entries()) addScaled(sum, vector, frequencies[row] as number);
  const total = frequencies.reduce((a, b) => a + b, 0);
  return sum.map((element) => element / total);
}

/** Rounds of the power iteration. The component no longer changes in 32 bits. */
const ROUNDS = 100;

/** The first principal component, of unit length, by power iteration over the covariance. */
function firstComponent(vectors: readonly Float32Array[], frequencies: readonly number[]): Float64Array {
  const size = vectors[0]?.length ?? 0;
  const covariance = Array.from({ length: size }, () => new Float64Array(size));
  for (const [row, vector] of vectors.entries())
    for (const [at, line] of covariance.entries())
      addScaled(line, vector, (vector[at] as number) * (frequencies[row] as number));
  let component = new Float64Array(size).fill(1 / Math.sqrt(size));
  for (let round = 0; round < ROUNDS; round++) {
    const product = Float64Array.from(covariance, (line) => dot(line, component));
    const length = Math.sqrt(dot(product, product));
    component = product.map((element) => element / length);
  }
  return component;
}

function addScaled(sum: Float64Array, vector: Float32Array, factor: number): void {
  for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] as number) + factor * (vector[at] as number);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] as number) * (b[at] as number);
  return sum;
}
