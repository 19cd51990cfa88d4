import { expect, test } from "vitest";
import { mergeTail, type SegmentRange } from "./segment-range.ts";

test("mergeTail() merges small indexes and no large one, without a gap or an overlap", () => {
  const large = { first: 0, last: 0, rows: 100_000 };
  const small = { first: 1, last: 2, rows: 1_500 };
  const tail = { first: 3, last: 3, rows: 1_000 };
  expect(mergeTail([], tail)).toEqual(tail);
  expect(mergeTail([large], tail)).toEqual(tail);
  expect(mergeTail([large, small], tail)).toEqual({ first: 1, last: 3, rows: 2_500 });
  expect(mergeTail([large, small], tail, 2_499)).toEqual(tail);
});

test("a collection that grows by a thousand rows at a time has at most three indexes, and indexes a row fewer than thirty times on average", () => {
  let indexes: SegmentRange[] = [];
  let built = 0;
  for (let segment = 0; segment < 1_000; segment++) {
    const merged = mergeTail(indexes, { first: segment, last: segment, rows: 1_000 });
    indexes = [...indexes.filter(({ last }) => last < merged.first), merged];
    built += merged.rows;
    expect(indexes.length).toBeLessThanOrEqual(3);
    expect(indexes.reduce((sum, { rows }) => sum + rows, 0)).toBe((segment + 1) * 1_000);
    expect(indexes[0]?.first).toBe(0);
  }
  expect(built / 1_000_000).toBeLessThan(30);
});
