import { expect, test } from "vitest";
import { describeDifference, isShown, pairedDifference } from "./bootstrap.ts";

/** Scores of 200 questions, 0 to 1, of which a share is better by 0.1. */
const before = Array.from({ length: 200 }, (_, n) => ((n * 37) % 100) / 125);

test("the interval of a difference agrees with the standard error of its mean", async () => {
  const after = before.map((value, n) => value + (n % 2 === 0 ? 0.1 : 0));
  const difference = await pairedDifference(before, after);
  // Half of the questions gain 0.1: mean 0.05, standard deviation 0.05, standard error 0.05 / sqrt(200).
  const half = (1.96 * 0.05) / Math.sqrt(200);
  expect(difference.mean).toBeCloseTo(0.05, 10);
  expect(difference.low).toBeCloseTo(0.05 - half, 3);
  expect(difference.high).toBeCloseTo(0.05 + half, 3);
  expect(describeDifference(difference)).toBe("better by 0.05 ± 0.01");
  expect(describeDifference(await pairedDifference(after, before))).toBe("worse by 0.05 ± 0.01");
});

test("a gain on half of the questions and an equal loss on the others is no difference", async () => {
  const after = before.map((value, n) => value + (n % 2 === 0 ? 0.2 : -0.2));
  const difference = await pairedDifference(before, after);
  expect(difference.low).toBeLessThan(0);
  expect(difference.high).toBeGreaterThan(0);
  expect(isShown(difference)).toBe(false);
  expect(describeDifference(difference)).toBe("no difference shown");
});

test("the same scores have the same interval each time, and equal variants have none", async () => {
  const after = before.map((value, n) => value + (n % 7) / 50);
  expect(await pairedDifference(before, after)).toEqual(await pairedDifference(before, after));
  expect(await pairedDifference(before, before)).toEqual({ mean: 0, low: 0, high: 0 });
  expect(describeDifference(await pairedDifference(before, before))).toBe("no difference shown");
});

test("a small difference keeps three decimals", async () => {
  const after = before.map((value) => value + 0.004);
  expect(describeDifference(await pairedDifference(before, after))).toBe("better by 0.004 ± 0.000");
});

test("a third decimal is shown if the interval would seem to contain zero without it", () => {
  expect(describeDifference({ mean: 0.0184, low: 0.0021, high: 0.0352 })).toBe("better by 0.018 ± 0.017");
  expect(describeDifference({ mean: 0.042, low: 0.022, high: 0.061 })).toBe("better by 0.04 ± 0.02");
});

test("nineteen of twenty intervals contain the true difference", async () => {
  let state = 1;
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  let contained = 0;
  for (let experiment = 0; experiment < 100; experiment++) {
    const first = Array.from({ length: 60 }, random);
    const second = first.map((value) => value + 0.1 + (random() - 0.5)); // true difference: 0.1
    const { low, high } = await pairedDifference(first, second);
    if (low <= 0.1 && 0.1 <= high) contained++;
  }
  expect(contained).toBeGreaterThanOrEqual(88);
  expect(contained).toBeLessThanOrEqual(100);
});
