import { expect, test } from "vitest";
import { fuse } from "./fusion.ts";

test("a score is the sum of 1 / (60 + rank) over the lists, divided by that of an item that is first in all", () => {
  const fused = fuse(
    [
      ["a", "b", "c"],
      ["c", "a"],
    ],
    (item) => item,
  );
  const maxScore = 2 / 61;
  expect(fused).toEqual([
    { item: "a", ranks: [1, 2], score: expect.closeTo((1 / 61 + 1 / 62) / maxScore, 12) },
    { item: "c", ranks: [3, 1], score: expect.closeTo((1 / 63 + 1 / 61) / maxScore, 12) },
    { item: "b", ranks: [2, null], score: expect.closeTo(1 / 62 / maxScore, 12) },
  ]);
});
