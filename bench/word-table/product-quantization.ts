/** Centroids of a subspace: an index is one byte. */
const CENTROIDS = 256;

/** Rounds of k-means. More do not change a tenth of the result. */
const ROUNDS = 12;

export interface Quantized {
  /** The centroids of each subspace, one subspace after the other: 256 × `size` elements each. */
  readonly centroids: Float32Array;
  /** The centroid of each subspace for each vector, one vector after the other. */
  readonly codes: Uint8Array;
}

/**
 * Product quantization (Jégou et al. 2011): each vector is divided into parts of `size` elements, and each part is replaced by
 * the nearest of 256 centroids, found by k-means. Nothing is random, so the same vectors give the same result.
 */
export function quantize(vectors: readonly Float32Array[], size: number): Quantized {
  const parts = (vectors[0]?.length ?? 0) / size;
  const centroids = new Float32Array(parts * CENTROIDS * size);
  const codes = new Uint8Array(vectors.length * parts);
  for (let part = 0; part < parts; part++) {
    const points = new Float32Array(vectors.length * size);
    for (const [row, vector] of vectors.entries())
      points.set(vector.subarray(part * size, (part + 1) * size), row * size);
    const found = cluster(points, size);
    centroids.set(found.centroids, part * CENTROIDS * size);
    for (const [row, code] of found.nearest.entries()) codes[row * parts + part] = code;
  }
  return { centroids, codes };
}

function cluster(points: Float32Array, size: number): { centroids: Float32Array; nearest: Uint8Array } {
  const count = points.length / size;
  const centroids = new Float32Array(CENTROIDS * size);
  for (let index = 0; index < CENTROIDS; index++) {
    const row = Math.floor((index * count) / CENTROIDS);
    centroids.set(points.subarray(row * size, (row + 1) * size), index * size);
  }
  let nearest = assign(points, centroids, size);
  for (let round = 0; round < ROUNDS; round++) {
    moveToMeans(centroids, { points, nearest, size });
    nearest = assign(points, centroids, size);
  }
  return { centroids, nearest };
}

/** The nearest centroid of each point. */
function assign(points: Float32Array, centroids: Float32Array, size: number): Uint8Array {
  const nearest = new Uint8Array(points.length / size);
  for (let row = 0; row < nearest.length; row++) {
    let least = Number.POSITIVE_INFINITY;
    for (let index = 0; index < CENTROIDS; index++) {
      let distance = 0;
      for (let at = 0; at < size; at++) {
        const difference = (points[row * size + at] as number) - (centroids[index * size + at] as number);
        distance += difference * difference;
      }
      if (distance < least) {
        least = distance;
        nearest[row] = index;
      }
    }
  }
  return nearest;
}

/** Moves each centroid to the mean of its points. One without points stays where it is. */
function moveToMeans(
  centroids: Float32Array,
  { points, nearest, size }: { readonly points: Float32Array; readonly nearest: Uint8Array; readonly size: number },
): void {
  const sums = new Float64Array(centroids.length);
  const counts = new Uint32Array(CENTROIDS);
  for (const [row, index] of nearest.entries()) {
    counts[index] = (counts[index] as number) + 1;
    for (let at = 0; at < size; at++)
      sums[index * size + at] = (sums[index * size + at] as number) + (points[row * size + at] as number);
  }
  for (const [index, count] of counts.entries())
    for (let at = 0; at < size && count > 0; at++)
      centroids[index * size + at] = (sums[index * size + at] as number) / count;
}
