import { expect, test } from "vitest";
import { visible } from "./print.ts";

test.each([
  ["a\u0000b\u001b[2J", "a\\u0000b\\u001b[2J"],
  ["paid\u202eon\u202c \u2066x\u2069", "paid\\u202eon\\u202c \\u2066x\\u2069"],
  ["one\u2028two", "one\\u2028two"],
  ["half \ud800", "half \\ud800"],
  ["שלום 👩‍🚀 é", "שלום 👩‍🚀 é"],
])("visible() escapes %j as %j", (text, escaped) => {
  expect(visible(text)).toBe(escaped);
});

test("visible() shortens a long text without splitting a surrogate pair", () => {
  expect(visible("abc🙂🙂", 5)).toBe("abc…");
  expect(visible("abc🙂d", 6)).toBe("abc🙂d");
});
