import { expect, test } from "vitest";
import { belowFloor, type Target } from "../bench/support/target.ts";

const RATIO: Target = { what: "Cairn / Chroma", value: 12, target: 10, better: "higher", usual: 12 };
const SLOWDOWN: Target = { what: "busy / idle", value: 2, target: 2, better: "lower", usual: 2 };
const RECALL: Target = { what: "recall@10", value: 1, target: 0.99, better: "higher", floor: 0.99 };

const fails = (target: Target, value: number) => belowFloor([{ ...target, value }]).length > 0;

test("a ratio half as good as usual fails a quick run, a ratio that misses its target does not", () => {
  expect(fails(RATIO, 9)).toBe(false);
  expect(fails(RATIO, 6)).toBe(false);
  expect(fails(RATIO, 5.99)).toBe(true);
  expect(fails(SLOWDOWN, 3.9)).toBe(false);
  expect(fails(SLOWDOWN, 4.1)).toBe(true);
});

test("a recall below 0.99 fails a quick run even if all ratios pass", () => {
  expect(fails(RECALL, 0.99)).toBe(false);
  expect(belowFloor([RATIO, { ...RECALL, value: 0.9899 }, SLOWDOWN])).toEqual([{ ...RECALL, value: 0.9899 }]);
});

test("a value that could not be measured fails a quick run; a target without a floor never does", () => {
  for (const target of [RATIO, SLOWDOWN, RECALL]) expect(fails(target, Number.NaN)).toBe(true);
  expect(fails({ ...RATIO, usual: undefined }, 0)).toBe(false);
});
