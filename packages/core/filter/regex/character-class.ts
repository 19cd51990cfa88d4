import {
  type CodePoints,
  codePoints,
  complement,
  difference,
  intersection,
  type Range,
  union,
} from "./code-points.ts";
import { accept, type Cursor, next, peek, refusal, spend } from "./cursor.ts";
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
 * Reads a class in Rust's syntax, `[a-z&&[^b]]`; the cursor stands behind the bracket. Operators work from left to
 * right on everything before them, and negation comes last. Throws `invalid_filter`.
 */
export function readClass(cursor: Cursor, { ignoreCase, depth = 0 }: ClassOptions): CodePoints {
  const start = cursor.at - 1;
  if (depth > MAX_DEPTH) throw refusal(cursor, start, `nests classes more than ${MAX_DEPTH} deep`);
  const fold = (set: CodePoints) => (ignoreCase ? foldCase(set) : set);
  const negated = accept(cursor, "^");
  let left: CodePoints | undefined;
  let operator = "";
  let items = readLeading(cursor);
  const combine = () =>
    left ? (OPERATIONS[operator] as typeof union)(left, fold(codePoints(items))) : fold(codePoints(items));
  while (!accept(cursor, "]")) {
    if (peek(cursor) === "") throw refusal(cursor, start, `has a class without its "]"`);
    const found = Object.keys(OPERATIONS).find((name) => accept(cursor, name));
    if (found) {
      left = combine();
      operator = found;
      items = [];
    } else items.push(...readItem(cursor, { ignoreCase, depth }));
  }
  return negated ? complement(fold(combine())) : fold(combine());
}

/** A "-" or "]" right behind the opening bracket stands for itself. */
function readLeading(cursor: Cursor): Range[] {
  const items: Range[] = [];
  while (accept(cursor, "-")) items.push([0x2d, 0x2d]);
  if (items.length === 0 && accept(cursor, "]")) items.push([0x5d, 0x5d]);
  return items;
}

function readItem(cursor: Cursor, options: Required<ClassOptions>): CodePoints {
  const start = cursor.at;
  if (accept(cursor, "["))
    return spend(
      cursor,
      start,
      readAscii(cursor, options) ?? readClass(cursor, { ...options, depth: options.depth + 1 }),
    );
  const first = spend(cursor, start, readMember(cursor, options));
  if (peek(cursor) !== "-" || peek(cursor, 1) === "-" || peek(cursor, 1) === "]")
    return typeof first === "number" ? [[first, first]] : first;
  cursor.at += 1;
  const last = readMember(cursor, options);
  if (typeof first !== "number" || typeof last !== "number")
    throw refusal(cursor, start, "has a range whose end is not a single character");
  if (first > last) throw refusal(cursor, start, "has a range whose start is after its end");
  return [[first, last]];
}

/** A character's code point, or the set behind a backslash. */
function readMember(cursor: Cursor, { ignoreCase }: ClassOptions): number | CodePoints {
  const start = cursor.at;
  const character = next(cursor, `"]"`);
  if (character !== "\\") return character.codePointAt(0) as number;
  const escaped = readEscape(cursor, ignoreCase);
  if (escaped.kind === "place") throw refusal(cursor, start, "has an escape that a class cannot hold");
  return escaped.kind === "character" ? escaped.point : escaped.set;
}

/** `[:alpha:]` and `[:^alpha:]`, which is negated after case has been folded. Anything else behind a bracket is a class of its own. */
function readAscii(cursor: Cursor, { ignoreCase }: ClassOptions): CodePoints | undefined {
  const text = cursor.characters.slice(cursor.at, cursor.at + 10).join("");
  const [whole, caret, name] = /^:(\^?)([a-z]+):\]/.exec(text) ?? [];
  const ends = ASCII[name ?? ""];
  if (!whole || !ends) return undefined;
  cursor.at += whole.length;
  const set = codePoints(Array.from(ends.matchAll(/(.)(.)/gs), ([, a, b]) => [point(a), point(b)] as const));
  const folded = ignoreCase ? foldCase(set) : set;
  return caret ? complement(folded) : folded;
}

function point(character: string | undefined): number {
  return character?.charCodeAt(0) ?? 0;
}
