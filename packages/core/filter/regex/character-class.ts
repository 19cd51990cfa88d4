import { type CodePoints, codePoints, complement, difference, intersection, type Range, union } from "./code-points.ts";
import { accept, type Cursor, countRanges, invalidRegex, next, peek } from "./cursor.ts";
import { readEscape } from "./escape.ts";
import { foldCase } from "./unicode.ts";

const MAX_DEPTH = 20;
const ASCII: Readonly<Record<string, string>> = {
  alnum: "09AZaz",
  alpha: "AZaz",
  ascii: "\0\x7f",
  blank: "\t\t  ",
  cntrl: "\0\x1f\x7f\x7f",
  digit: "09",
  graph: "!~",
  lower: "az",
  print: " ~",
  punct: "!/:@[`{~",
  space: "\t\r  ",
  upper: "AZ",
  word: "09AZ__az",
  xdigit: "09AFaf",
};
const OPERATIONS: Readonly<Record<string, (a: CodePoints, b: CodePoints) => CodePoints>> = {
  "&&": intersection,
  "--": difference,
  "~~": (a, b) => union(difference(a, b), difference(b, a)),
};

interface ClassOptions {
  readonly ignoreCase: boolean;
  readonly depth?: number;
}

/**
 * Reads a class in Rust's syntax, `[a-z&&[^b]]`. The cursor is after the opening bracket. Operators apply from left to
 * right to everything before them, and negation is applied last. Throws `invalid_filter`.
 */
export function readClass(cursor: Cursor, { ignoreCase, depth = 0 }: ClassOptions): CodePoints {
  const start = cursor.at - 1;
  if (depth > MAX_DEPTH) throw invalidRegex(cursor, start, `nests classes more than ${MAX_DEPTH} deep`);
  const fold = (set: CodePoints) => (ignoreCase ? foldCase(set) : set);
  const negated = accept(cursor, "^");
  let left: CodePoints | undefined;
  let operator = "";
  let items = readLeading(cursor);
  const combine = () =>
    left ? (OPERATIONS[operator] as typeof union)(left, fold(codePoints(items))) : fold(codePoints(items));
  while (!accept(cursor, "]")) {
    if (peek(cursor) === "") throw invalidRegex(cursor, start, `has a class without a closing "]"`);
    const found = Object.keys(OPERATIONS).find((name) => accept(cursor, name));
    if (found) {
      left = combine();
      operator = found;
      items = [];
    } else items.push(...readItem(cursor, { ignoreCase, depth }));
  }
  return negated ? complement(fold(combine())) : fold(combine());
}

/** A "-" or "]" directly after the opening bracket is a literal character. */
function readLeading(cursor: Cursor): Range[] {
  const items: Range[] = [];
  while (accept(cursor, "-")) items.push([0x2d, 0x2d]);
  if (items.length === 0 && accept(cursor, "]")) items.push([0x5d, 0x5d]);
  return items;
}

function readItem(cursor: Cursor, options: Required<ClassOptions>): CodePoints {
  const start = cursor.at;
  if (accept(cursor, "["))
    return countRanges(
      cursor,
      start,
      readAscii(cursor, options) ?? readClass(cursor, { ...options, depth: options.depth + 1 }),
    );
  const first = countRanges(cursor, start, readMember(cursor, options));
  if (peek(cursor) !== "-" || peek(cursor, 1) === "-" || peek(cursor, 1) === "]")
    return typeof first === "number" ? [[first, first]] : first;
  cursor.at += 1;
  const last = readMember(cursor, options);
  if (typeof first !== "number" || typeof last !== "number")
    throw invalidRegex(cursor, start, "has a range whose end is not a single character");
  if (first > last) throw invalidRegex(cursor, start, "has a range whose start is after its end");
  return [[first, last]];
}

/** The code point of a character, or the set of an escape. */
function readMember(cursor: Cursor, { ignoreCase }: ClassOptions): number | CodePoints {
  const start = cursor.at;
  const character = next(cursor, `"]"`);
  if (character !== "\\") return character.codePointAt(0) as number;
  const escaped = readEscape(cursor, ignoreCase);
  if (escaped.kind === "assertion") throw invalidRegex(cursor, start, "has an escape that a class cannot contain");
  return escaped.kind === "character" ? escaped.point : escaped.set;
}

/** `[:alpha:]` and `[:^alpha:]`, which is negated after case folding. Undefined for a nested class. */
function readAscii(cursor: Cursor, { ignoreCase }: ClassOptions): CodePoints | undefined {
  const text = cursor.characters.slice(cursor.at, cursor.at + 10).join("");
  const [match, caret, name] = /^:(\^?)([a-z]+):\]/.exec(text) ?? [];
  const ends = ASCII[name ?? ""];
  if (!match || !ends) return undefined;
  cursor.at += match.length;
  const set = codePoints(Array.from(ends.matchAll(/(.)(.)/gs), ([, a, b]) => [point(a), point(b)] as const));
  const folded = ignoreCase ? foldCase(set) : set;
  return caret ? complement(folded) : folded;
}

function point(character: string | undefined): number {
  return character?.charCodeAt(0) ?? 0;
}
