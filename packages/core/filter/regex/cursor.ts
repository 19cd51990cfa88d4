import { refuse } from "../refuse.ts";
import type { CodePoints } from "./code-points.ts";

/** Ranges that the classes of one pattern hold at most, operands of set operations included: `\w` has 500. */
const MAX_RANGES = 20_000;

/** Where the translation stands in a pattern. Characters are whole code points. */
export interface Cursor {
  readonly characters: readonly string[];
  readonly path: string;
  at: number;
  /** Ranges of code points that classes have been read as so far. */
  ranges: number;
}

export function openCursor(pattern: string, path: string): Cursor {
  return { characters: [...pattern], path, at: 0, ranges: 0 };
}

/** Counts the ranges of a set against the pattern's limit, and returns the set. Throws `invalid_filter`. */
export function spend<T extends CodePoints | number>(cursor: Cursor, start: number, set: T): T {
  cursor.ranges += typeof set === "number" ? 1 : set.length;
  if (cursor.ranges > MAX_RANGES)
    throw refusal(
      cursor,
      start,
      `has classes that are too large: all classes of a pattern hold at most ${MAX_RANGES} ranges of characters, and each \\w holds about 500`,
    );
  return set;
}

/** The character `ahead` places further; "" past the end. */
export function peek(cursor: Cursor, ahead = 0): string {
  return cursor.characters[cursor.at + ahead] ?? "";
}

/** Goes past the text if it stands next. */
export function accept(cursor: Cursor, text: string): boolean {
  const length = text.length;
  if (cursor.characters.slice(cursor.at, cursor.at + length).join("") !== text) return false;
  cursor.at += length;
  return true;
}

/** Goes past the next character and returns it. Refuses the end of the pattern. */
export function next(cursor: Cursor, expected: string): string {
  const character = peek(cursor);
  if (character === "") throw refusal(cursor, cursor.at, `ends where ${expected} is expected`);
  cursor.at += 1;
  return character;
}

/** The text up to `end`, and goes past it. Refuses a pattern without it. */
export function until(cursor: Cursor, end: string): string {
  const start = cursor.at;
  const stop = cursor.characters.indexOf(end, start);
  if (stop < 0) throw refusal(cursor, start, `lacks "${end}"`);
  cursor.at = stop + 1;
  return cursor.characters.slice(start, stop).join("");
}

/** An `invalid_filter` that names the construct beginning at `start`, and its place counted from 1. */
export function refusal(cursor: Cursor, start: number, says: string): Error {
  const construct = cursor.characters
    .slice(start, Math.max(cursor.at, start + 1))
    .join("")
    .slice(0, 40);
  const where = construct ? `at character ${start + 1}, ${JSON.stringify(construct)}` : "at its end";
  return refuse(cursor.path, `is no regular expression that can be run: ${where}, it ${says}.`);
}
