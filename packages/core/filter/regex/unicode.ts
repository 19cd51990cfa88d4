import { type CodePoints, codePoints, difference, type Range, union } from "./code-points.ts";

/**
 * Cached character sets, from JavaScript's Unicode tables. Rust uses Unicode's letters and case pairs. Postgres uses those
 * of the database's locale, and PGlite's locale C has only ASCII.
 */
const sets = new Map<string, CodePoints>();

export const digits = () => characters("\\p{Nd}");
export const spaces = () => characters("\\p{White_Space}");

/**
 * Word characters by Unicode's definition (UTS 18), which Rust's `\w` and `\b` follow. Gaps of unassigned code points
 * between them are included: that leaves a third of the ranges, and a third of what Postgres must compile.
 */
export function wordCharacters(): CodePoints {
  word ??= fillUnassignedGaps(
    characters("\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}"),
    characters("\\p{Cn}"),
  );
  return word;
}
let word: CodePoints | undefined;

/** The characters of `\p{name}`: a general category, a script or another property. Undefined if the name is unknown. */
export function property(name: string): CodePoints | undefined {
  const candidates = /^[A-Za-z0-9_=]+$/.test(name) ? [name, `Script=${name}`] : [];
  const found = candidates.find((expression) => isPattern(`\\p{${expression}}`));
  return found === undefined ? undefined : characters(`\\p{${found}}`);
}

/** The set with every character that differs from one of its characters only in case, by Unicode's simple case folding. */
export function foldCase(set: CodePoints): CodePoints {
  if (set.length === 0) return set;
  const source = set.map(([first, last]) => `\\u{${first.toString(16)}}-\\u{${last.toString(16)}}`).join("");
  const alike = cased().match(new RegExp(`[${source}]`, "giu")) ?? [];
  return union(
    set,
    codePoints(alike.map((character): Range => [firstCodePoint(character), firstCodePoint(character)])),
  );
}

let casedCharacters: string | undefined;
function cased(): string {
  casedCharacters ??= characters("\\p{CWU}\\p{CWL}\\p{CWT}\\p{CWCF}").map(text).join("");
  return casedCharacters;
}

function fillUnassignedGaps(set: CodePoints, gaps: CodePoints): CodePoints {
  const between = set.slice(1).map(([first], index): Range => [(set[index]?.[1] ?? first) + 1, first - 1]);
  return union(
    set,
    between.filter((gap) => difference([gap], gaps).length === 0),
  );
}

/** Ranges in which each character is checked. */
const DIVERSE: readonly Range[] = [
  [0, 0xd7ff],
  [0xe000, 0x3ffff],
  [0xe0000, 0xe0fff],
];
/** Ranges of unassigned or private-use characters with the same properties: the first represents all. */
const UNIFORM: readonly Range[] = [
  [0x40000, 0xdffff],
  [0xe1000, 0xeffff],
  [0xf0000, 0x10ffff],
];

let diverseTexts: readonly string[] | undefined;

/** The characters that a character class with this content matches. Cached, because it takes some milliseconds. */
function characters(content: string): CodePoints {
  const cached = sets.get(content);
  if (cached) return cached;
  const runs = new RegExp(`[${content}]+`, "gu");
  diverseTexts ??= DIVERSE.map(text);
  const diverse = diverseTexts.flatMap((part) => Array.from(part.matchAll(runs), ([run]) => rangeOf(run)));
  const uniform = UNIFORM.filter(([first]) => String.fromCodePoint(first).search(runs) === 0);
  const set = codePoints([...diverse, ...uniform]);
  sets.set(content, set);
  return set;
}

function rangeOf(run: string): Range {
  const last = run.charCodeAt(run.length - 1);
  return [firstCodePoint(run), last >= 0xdc00 && last <= 0xdfff ? firstCodePoint(run.slice(-2)) : last];
}

function firstCodePoint(character: string): number {
  return character.codePointAt(0) as number;
}

function text([first, last]: Range): string {
  let result = "";
  for (let point = first; point <= last; point += 1) result += String.fromCodePoint(point);
  return result;
}

function isPattern(source: string): boolean {
  try {
    new RegExp(source, "u");
    return true;
  } catch {
    return false;
  }
}
