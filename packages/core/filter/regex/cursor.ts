import { invalidFilter } from "../invalid-filter.ts";
import type { CodePoints } from "./code-points.ts";

/** Maximum ranges in the classes of one pattern, including operands of set operations. `\w` has 500. */
const MAX_RANGES = 20_000;

/** The position of the translation in a pattern. Characters are code points. */
export interface Cursor {
  readonly characters: readonly string[];
  readonly path: string;
  at: number;
  /** Ranges of code points in the classes that were read so far. */
  ranges: number;
}

export function openCursor(pattern: string, path: string): Cursor {
  return { characters: [...pattern], path, at: 0, ranges: 0 };
}

/** Counts the ranges of a set against the pattern's limit, and returns the set. Throws `invalid_filter`. */
export function countRanges<T extends CodePoints | number>(cursor: Cursor, start: number, set: T): T {
  cursor.ranges += typeof set === "number" ? 1 : set.length;
  if (cursor.ranges > MAX_RANGES)
    throw invalidRegex(
      cursor,
      start,
      `has classes that are too large: the classes of a pattern can have at most ${MAX_RANGES} ranges of characters together, and each \\w has about 500`,
    );
  return set;
}

/** The character `ahead` positions after the cursor; "" after the end. */
export function peek(cursor: Cursor, ahead = 0): string {
  return cursor.characters[cursor.at + ahead] ?? "";
}

/** Whether the text is next. If so, moves the cursor past it. */
export function accept(cursor: Cursor, text: string): boolean {
  const length = text.length;
  if (cursor.characters.slice(cursor.at, cursor.at + length).join("") !== text) return false;
  cursor.at += length;
  return true;
}

/** Moves past the next character and returns it. Throws `invalid_filter` at the end of the pattern. */
export function next(cursor: Cursor, expected: string): string {
  const character = peek(cursor);
  if (character === "") throw invalidRegex(cursor, cursor.at, `ends where ${expected} is expected`);
  cursor.at += 1;
  return character;
}

/** Returns the text up to `end` and moves past it. Throws `invalid_filter` if `end` is missing. */
export function until(cursor: Cursor, end: string): string {
  const start = cursor.at;
  const stop = cursor.characters.indexOf(end, start);
  if (stop < 0) throw invalidRegex(cursor, start, `lacks "${end}"`);
  cursor.at = stop + 1;
  return cursor.characters.slice(start, stop).join("");
}

/** An `invalid_filter` error that names the construct at `start` and its position, counted from 1. */
export function invalidRegex(cursor: Cursor, start: number, reason: string): Error {
  const construct = cursor.characters
    .slice(start, Math.max(cursor.at, start + 1))
    .join("")
    .slice(0, 40);
  const where = construct ? `at character ${start + 1}, ${JSON.stringify(construct)}` : "at its end";
  return invalidFilter(cursor.path, `is a regular expression that cannot be run: ${where}, it ${reason}.`);
}
