import type { Metric } from "@cairn/core/index/metric.ts";
import { TOLERANCE } from "../../../copy/compare.ts";

/**
 * Distances that differ by less count as equal. Both servers sum products of 32-bit floats, in different order. For
 * random vectors of 3 to 1,536 dimensions, and of lengths from 10⁻³ to 10⁸, the distances of Chroma 1.0 and Cairn
 * differed by up to 2.0 × 10⁻⁶ of the distance (l2), by up to 9 × 10⁻⁷ (cosine), and by up to 2.1 × 10⁻⁶ of the largest
 * distance (ip). The error grows with the dimensions, of which Cairn allows ten times as many.
 */
const DISTANCE_TOLERANCE = 5e-5;

/**
 * Whether two distances of one record are equal, or two records are tied. `largest`: the largest magnitude of a distance
 * in both answers.
 */
export function isSameDistance(metric: Metric, [a, b]: readonly [number, number], largest: number): boolean {
  return Math.abs(a - b) <= distanceTolerance(metric, [a, b], largest);
}

function distanceTolerance(metric: Metric, [a, b]: readonly [number, number], largest: number): number {
  switch (metric) {
    case "cosine": // an error of the cosine, whatever remains of 1 − cos
      return DISTANCE_TOLERANCE;
    case "l2": // a sum of squares, in which nothing cancels out
      return DISTANCE_TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
    case "ip": // a sum in which large products may cancel out
      return DISTANCE_TOLERANCE * Math.max(1, largest);
  }
}

/**
 * The largest difference of an element of a vector. Chroma returns the vectors of a cosine collection scaled, others bit
 * by bit.
 */
export function elementTolerance(metric: Metric): number {
  return metric === "cosine" ? TOLERANCE : 0;
}
