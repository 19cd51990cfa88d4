import { expect, test } from "vitest";
import { visible } from "./print.ts";

test.each([
  ["a\u0000b\u001b[2J", "a\\u0000b\\u001b[2J"],
  ["paid\u202eon\u202c \u2066x\u2069", "paid\\u202eon\\u202c \\u2066x\\u2069"],
  ["one\u2028two", "one\\u2028two"],
  ["half \ud800", "half \\ud800"],
  ["שלום 👩‍🚀 é", "שלום 👩‍🚀 é"],
])("a terminal is shown %j as %j", (text, shown) => {
  expect(visible(text)).toBe(shown);
});

test("what is too long ends before a character that would be cut in two", () => {
  expect(visible("abc🙂🙂", 5)).toBe("abc…");
  expect(visible("abc🙂d", 6)).toBe("abc🙂d");
});
