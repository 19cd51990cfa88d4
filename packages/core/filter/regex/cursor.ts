import { refuse } from "../refuse.ts";

/** Where the translation stands in a pattern. Characters are whole code points. */
export interface Cursor {
  readonly characters: readonly string[];
  readonly path: string;
  at: number;
}

export function openCursor(pattern: string, path: string): Cursor {
  return { characters: [...pattern], path, at: 0 };
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
