import { type CodePoints, codePoints, complement, difference, includes, type Range } from "./code-points.ts";

/** NUL, and the two noncharacters that take part in how it is stored. */
const DISPLACED: CodePoints = [
  [0, 0],
  [0xfffe, 0xffff],
];

/** A text as compile.ts shows it to a pattern: what text.ts must escape stands as one noncharacter each. */
export function standIn(text: string): string {
  return text.toWellFormed().replaceAll("\uFFFE", "\uFFFF").replaceAll("\0", "\uFFFE");
}

/** Postgres' expression for one character of the set, independent of the database's locale. */
export function bracket(set: CodePoints): string {
  const shown = displace(set);
  const rest = difference(complement(shown), [[0, 0]]);
  if (shown.length === 0) return "(?!)";
  if (rest.length === 0) return ".";
  const [first, last] = shown[0] as Range;
  if (shown.length === 1 && first === last) return escaped(first);
  return rest.length < shown.length ? `[^${ranges(rest)}]` : `[${ranges(shown)}]`;
}

function displace(set: CodePoints): CodePoints {
  const moved: Range[] = [...difference(set, DISPLACED)];
  if (includes(set, 0)) moved.push([0xfffe, 0xfffe]);
  if (includes(set, 0xfffe) || includes(set, 0xffff)) moved.push([0xffff, 0xffff]);
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
