import { nextTurn } from "../turn.ts";
import { meanOf } from "./metrics.ts";

/** The difference of two means with its confidence interval. */
export interface Difference {
  /** Mean of the second minus mean of the first. */
  readonly mean: number;
  /** Bounds of the 95 % confidence interval. */
  readonly low: number;
  readonly high: number;
}

/** Resamples of a bootstrap. More of them change the bounds by less than the third decimal. */
const RESAMPLES = 10_000;

const CONFIDENCE = 0.95;

/** Draws in one time slice: about a millisecond. */
const SLICE_DRAWS = 200_000;

/** Fixed, so that the same scores always have the same interval. */
const SEED = 20_240_601;

/**
 * The difference of two variants in one metric, and its 95 % confidence interval by a paired bootstrap: questions are
 * drawn with replacement, 10,000 times, and the interval has the middle 95 % of the mean differences. Source: Sakai,
 * "Evaluating evaluation metrics based on the bootstrap", SIGIR 2006. `before` and `after` have one value for each question,
 * in the same order.
 */
export async function pairedDifference(before: readonly number[], after: readonly number[]): Promise<Difference> {
  const differences = after.map((value, index) => value - (before[index] ?? 0));
  const mean = meanOf(differences);
  if (differences.every((value) => value === 0)) return { mean: 0, low: 0, high: 0 };
  const random = createRandom(SEED);
  const means = new Float64Array(RESAMPLES);
  const slice = Math.ceil(SLICE_DRAWS / differences.length);
  for (let sample = 0; sample < RESAMPLES; sample++) {
    if (sample % slice === slice - 1) await nextTurn();
    let sum = 0;
    for (let draw = 0; draw < differences.length; draw++)
      sum += differences[Math.floor(random() * differences.length)] as number;
    means[sample] = sum / differences.length;
  }
  means.sort();
  const tail = Math.floor(((1 - CONFIDENCE) / 2) * RESAMPLES);
  return { mean, low: means[tail] as number, high: means[RESAMPLES - 1 - tail] as number };
}

/** Whether the interval excludes zero. */
export function isShown({ low, high }: Difference): boolean {
  return low > 0 || high < 0;
}

/** `better by 0.04 ± 0.02`, `worse by 0.04 ± 0.02` or `no difference shown`. The number after ± is half of the interval. */
export function describeDifference({ mean, low, high }: Difference): string {
  if (!isShown({ mean, low, high })) return "no difference shown";
  const [difference, half] = [Math.abs(mean), (high - low) / 2];
  const digits = difference < 0.01 || half.toFixed(2) >= difference.toFixed(2) ? 3 : 2; // 0.02 ± 0.02 would contain zero
  return `${mean > 0 ? "better" : "worse"} by ${difference.toFixed(digits)} ± ${half.toFixed(digits)}`;
}

/** Random numbers from 0 to 1 (mulberry32): the same for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
