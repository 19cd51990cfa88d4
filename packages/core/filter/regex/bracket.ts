import { type CodePoints, codePoints, complement, difference, includes, memoize, type Range } from "./code-points.ts";

/** NUL is replaced by U+FFFE, and U+FFFE by U+10FFFE. Both are noncharacters without properties. */
const NUL = 0;
const NUL_SUBSTITUTE = 0xfffe;
const FFFE_SUBSTITUTE = 0x10fffe;
const SUBSTITUTED: CodePoints = [NUL, NUL_SUBSTITUTE, FFFE_SUBSTITUTE].map((point): Range => [point, point]);

/** A text in the form that compile.ts matches patterns against: each character that text.ts must escape is one character. */
export function singleCharacterForm(text: string): string {
  return text.toWellFormed().replaceAll("\uFFFE", "\u{10FFFE}").replaceAll("\0", "\uFFFE");
}

/** Postgres' bracket expression for one character of the set, independent of the database's locale. */
export const bracket = memoize(writeBracket);

function writeBracket(set: CodePoints): string {
  const included = substitute(set);
  const excluded = difference(complement(included), [[NUL, NUL]]);
  if (included.length === 0) return "(?!)";
  if (excluded.length === 0) return ".";
  const [first, last] = included[0] as Range;
  if (included.length === 1 && first === last) return escaped(first);
  return excluded.length < included.length ? `[^${ranges(excluded)}]` : `[${ranges(included)}]`;
}

function substitute(set: CodePoints): CodePoints {
  const result: Range[] = [...difference(set, SUBSTITUTED)];
  if (includes(set, NUL)) result.push([NUL_SUBSTITUTE, NUL_SUBSTITUTE]);
  if (includes(set, NUL_SUBSTITUTE)) result.push([FFFE_SUBSTITUTE, FFFE_SUBSTITUTE]);
  return codePoints(result);
}

function ranges(set: CodePoints): string {
  return set.map(([first, last]) => (first === last ? escaped(first) : `${escaped(first)}-${escaped(last)}`)).join("");
}

/** Escapes ASCII punctuation with a backslash. Other characters have no special meaning. */
function escaped(point: number): string {
  const character = String.fromCodePoint(point);
  return /[!-/:-@[-`{-~]/.test(character) ? `\\${character}` : character;
}
