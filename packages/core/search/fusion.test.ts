import { expect, test } from "vitest";
import { fuse } from "./fusion.ts";

test("an item's score is the sum of 1 / (60 + rank) over the lists, to that of one that is first in both", () => {
  const fused = fuse(
    [
      ["a", "b", "c"],
      ["c", "a"],
    ],
    (item) => item,
  );
  const best = 2 / 61;
  expect(fused).toEqual([
    { item: "a", ranks: [1, 2], score: expect.closeTo((1 / 61 + 1 / 62) / best, 12) },
    { item: "c", ranks: [3, 1], score: expect.closeTo((1 / 63 + 1 / 61) / best, 12) },
    { item: "b", ranks: [2, null], score: expect.closeTo(1 / 62 / best, 12) },
  ]);
});
