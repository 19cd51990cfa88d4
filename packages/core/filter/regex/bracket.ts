import {
  type CodePoints,
  codePoints,
  complement,
  difference,
  includes,
  type Range,
  remember,
} from "./code-points.ts";

/** NUL is shown as U+FFFE, and U+FFFE itself as the last noncharacter but one: both noncharacters, of no properties. */
const NUL = 0;
const NUL_SHOWN = 0xfffe;
const MARK_SHOWN = 0x10fffe;
const DISPLACED: CodePoints = [NUL, NUL_SHOWN, MARK_SHOWN].map((point): Range => [point, point]);

/** A text as compile.ts shows it to a pattern: each character that text.ts must escape as one character. */
export function standIn(text: string): string {
  return text.toWellFormed().replaceAll("\uFFFE", "\u{10FFFE}").replaceAll("\0", "\uFFFE");
}

/** Postgres' expression for one character of the set, independent of the database's locale. */
export const bracket = remember(writeBracket);

function writeBracket(set: CodePoints): string {
  const shown = displace(set);
  const rest = difference(complement(shown), [[NUL, NUL]]);
  if (shown.length === 0) return "(?!)";
  if (rest.length === 0) return ".";
  const [first, last] = shown[0] as Range;
  if (shown.length === 1 && first === last) return escaped(first);
  return rest.length < shown.length ? `[^${ranges(rest)}]` : `[${ranges(shown)}]`;
}

function displace(set: CodePoints): CodePoints {
  const moved: Range[] = [...difference(set, DISPLACED)];
  if (includes(set, NUL)) moved.push([NUL_SHOWN, NUL_SHOWN]);
  if (includes(set, NUL_SHOWN)) moved.push([MARK_SHOWN, MARK_SHOWN]);
  return codePoints(moved);
}

function ranges(set: CodePoints): string {
  return set
    .map(([first, last]) => (first === last ? escaped(first) : `${escaped(first)}-${escaped(last)}`))
    .join("");
}

/** Before anything but a letter or digit a backslash only takes away its meaning; other characters have none. */
function escaped(point: number): string {
  const character = String.fromCodePoint(point);
  return /[!-/:-@[-`{-~]/.test(character) ? `\\${character}` : character;
}
