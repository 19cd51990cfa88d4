import type { Assertion } from "./assertion.ts";
import { type CodePoints, complement, memoize } from "./code-points.ts";
import { accept, type Cursor, invalidRegex, next, peek, until } from "./cursor.ts";
import { digits, foldCase, property, spaces, wordCharacters } from "./unicode.ts";

/** The meaning of an escape: one character, a set of characters, or an assertion. */
export type Escape =
  | { readonly kind: "character"; readonly point: number }
  | { readonly kind: "set"; readonly set: CodePoints }
  | { readonly kind: "assertion"; readonly assertion: Assertion };

const CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  A: "start",
  z: "end",
  b: "word",
  B: "not_word",
  "<": "word_start",
  ">": "word_end",
};
const WORD_ASSERTIONS: Readonly<Record<string, Assertion>> = {
  "{start}": "word_start",
  "{end}": "word_end",
  "{start-half}": "word_start_half",
  "{end-half}": "word_end_half",
};
const SETS: Readonly<Record<string, () => CodePoints>> = { d: digits, s: spaces, w: wordCharacters };
/** Memoized, because the sets of escapes are the same objects each time. */
const complementOf = memoize(complement);
const foldedCase = memoize(foldCase);
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** Reads an escape in Rust's syntax. The cursor is after the backslash. Throws `invalid_filter`. */
export function readEscape(cursor: Cursor, ignoreCase: boolean): Escape {
  const start = cursor.at - 1;
  const letter = next(cursor, "an escaped character");
  const hexDigits = HEX_DIGITS[letter];
  if (hexDigits) return { kind: "character", point: readHex(cursor, { start, digits: hexDigits }) };
  if (letter === "p" || letter === "P") return { kind: "set", set: readProperty(cursor, { start, ignoreCase }) };
  if (letter in CONTROLS) return { kind: "character", point: CONTROLS[letter] as number };
  const set = SETS[letter.toLowerCase()]?.();
  if (set) return { kind: "set", set: letter === letter.toLowerCase() ? set : complementOf(set) };
  const named = letter === "b" && Object.keys(WORD_ASSERTIONS).find((name) => accept(cursor, name));
  if (named) return { kind: "assertion", assertion: WORD_ASSERTIONS[named] as Assertion };
  const assertion = ASSERTIONS[letter];
  if (assertion) return { kind: "assertion", assertion };
  if (letter <= "\x7f" && !/[A-Za-z0-9]/.test(letter)) return { kind: "character", point: letter.charCodeAt(0) };
  const isReference = /[0-9]/.test(letter);
  throw invalidRegex(
    cursor,
    start,
    isReference ? "has a back-reference, which Rust's syntax does not support" : "has an unknown escape",
  );
}

/** `\x41`, `\u0041`, `\U00000041`, or any of the letters with braces, `\x{41}`. */
function readHex(cursor: Cursor, { start, digits }: { start: number; digits: number }): number {
  const braces = accept(cursor, "{");
  const hex = braces ? until(cursor, "}") : Array.from({ length: digits }, () => next(cursor, "a hex digit")).join("");
  const point = /^[0-9A-Fa-f]{1,8}$/.test(hex) ? Number.parseInt(hex, 16) : Number.NaN;
  if (point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff)) return point;
  throw invalidRegex(cursor, start, "has an escape that is not a Unicode character");
}

function readProperty(cursor: Cursor, { start, ignoreCase }: { start: number; ignoreCase: boolean }): CodePoints {
  const negated = peek(cursor, -1) === "P";
  const name = accept(cursor, "{") ? until(cursor, "}") : next(cursor, "a property's letter");
  const set = property(name);
  if (!set) throw invalidRegex(cursor, start, "has an unknown Unicode property; write it as in \\p{Lu} or \\p{Greek}");
  const folded = ignoreCase ? foldedCase(set) : set;
  return negated ? complementOf(folded) : folded;
}
