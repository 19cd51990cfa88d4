import fc from "fast-check";
import { expect, test } from "vitest";
import { restoreId, storeId } from "./id.ts";

const anyId = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(fc.constantFrom("\0", "\uD800", "\uDC00", "\uFFFE", "\uFFFE#", "0000", "a", "日"))
    .map((parts) => parts.join("")),
  fc
    .tuple(fc.constantFrom("a", "é", "日", "😀", "\0", "\uD83D"), fc.integer({ min: 300, max: 1_100 }))
    .map(([unit, n]) => unit.repeat(n)),
);

test("an id of any length is restored, and its key fits into an index", () => {
  fc.assert(
    fc.property(anyId, (id) => {
      const { key, longId } = storeId(id);
      expect(restoreId(key, longId)).toBe(id);
      expect(Buffer.byteLength(key)).toBeLessThanOrEqual(1_000);
      expect(key).toSatisfy((text: string) => text.isWellFormed() && !text.includes("\0"));
    }),
    { numRuns: 1_000 },
  );
});

test("two different ids never share a key", () => {
  fc.assert(
    fc.property(anyId, anyId, (a, b) => {
      expect(storeId(a).key === storeId(b).key).toBe(a === b);
    }),
    { numRuns: 2_000 },
  );
});

test("an id of 1,000 bytes is its own key, a longer id has a hash as its key, and no short id collides with it", () => {
  expect(storeId("x".repeat(1_000))).toEqual({ key: "x".repeat(1_000), longId: null });
  const { key, longId } = storeId("x".repeat(1_001));
  expect(key).toMatch(/^\uFFFE#[0-9a-f]{64}$/);
  expect(longId).toBe("x".repeat(1_001));
  expect(storeId(key)).toMatchObject({ key: `\uFFFEfffe${key.slice(1)}`, longId: null });
  // 334 code units may be more than 1,000 bytes
  expect(storeId("日".repeat(334)).longId).not.toBeNull();
  expect(storeId("日".repeat(333)).longId).toBeNull();
});
