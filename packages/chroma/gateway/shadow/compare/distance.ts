import type { Metric } from "@cairn/core/index/metric.ts";

/** The distance of two vectors as both servers define it: 1 − cos, the squared length of the difference, 1 − dot. */
export function distanceOf(metric: Metric, [a, b]: readonly [Float32Array, Float32Array]): number {
  const { dot, squares, difference } = sums(a, b);
  switch (metric) {
    case "cosine": // a zero vector is at distance 1 of every vector
      return squares === 0 ? 1 : 1 - dot / Math.sqrt(squares);
    case "l2":
      return difference;
    case "ip":
      return 1 - dot;
  }
}

function sums(a: Float32Array, b: Float32Array) {
  let [dot, squaresOfA, squaresOfB, difference] = [0, 0, 0, 0];
  for (let at = 0; at < a.length; at++) {
    const [x, y] = [a[at] as number, b[at] ?? Number.NaN];
    dot += x * y;
    squaresOfA += x * x;
    squaresOfB += y * y;
    difference += (x - y) ** 2;
  }
  return { dot, squares: squaresOfA * squaresOfB, difference };
}
