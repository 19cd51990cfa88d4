import { type CodePoints, codePoints, difference, type Range, union } from "./code-points.ts";

/**
 * Postgres asks the database's locale which characters are letters or belong together as upper and lower case, and the
 * locale C of PGlite knows ASCII only. Rust asks Unicode. So the sets are taken from JavaScript's own Unicode tables.
 */
const sets = new Map<string, CodePoints>();

export const digits = () => characters("\\p{Nd}");
export const spaces = () => characters("\\p{White_Space}");

/**
 * Unicode's definition (UTS 18) that Rust's `\w` and `\b` follow. Code points between two of these that no character
 * has yet are taken in: a third of the ranges is left, and with them of what Postgres must prepare.
 */
export function wordCharacters(): CodePoints {
  word ??= bridge(characters("\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}"), characters("\\p{Cn}"));
  return word;
}
let word: CodePoints | undefined;

/** The characters of `\p{name}`: a general category, a script or another property. Undefined where there is none. */
export function property(name: string): CodePoints | undefined {
  const known = /^[A-Za-z0-9_=]+$/.test(name) ? [name, `Script=${name}`] : [];
  const found = known.find((expression) => isPattern(`\\p{${expression}}`));
  return found === undefined ? undefined : characters(`\\p{${found}}`);
}

/** The set and every character that differs from one of its own in case only, by Unicode's simple case folding. */
export function foldCase(set: CodePoints): CodePoints {
  if (set.length === 0) return set;
  const source = set.map(([first, last]) => `\\u{${first.toString(16)}}-\\u{${last.toString(16)}}`).join("");
  const alike = cased().match(new RegExp(`[${source}]`, "giu")) ?? [];
  return union(set, codePoints(alike.map((character): Range => [single(character), single(character)])));
}

let casedCharacters: string | undefined;
function cased(): string {
  casedCharacters ??= characters("\\p{CWU}\\p{CWL}\\p{CWT}\\p{CWCF}").map(text).join("");
  return casedCharacters;
}

function bridge(set: CodePoints, gaps: CodePoints): CodePoints {
  const between = set.slice(1).map(([first], index): Range => [(set[index]?.[1] ?? first) + 1, first - 1]);
  return union(
    set,
    between.filter((gap) => difference([gap], gaps).length === 0),
  );
}

/** Outside the first ranges whole planes are alike, unassigned or for private use: one of them speaks for all. */
const DIVERSE: readonly Range[] = [
  [0, 0xd7ff],
  [0xe000, 0x3ffff],
  [0xe0000, 0xe0fff],
];
const UNIFORM: readonly Range[] = [
  [0x40000, 0xdffff],
  [0xe1000, 0xeffff],
  [0xf0000, 0x10ffff],
];

let diverseTexts: readonly string[] | undefined;

/** What the content of a character class matches. Each is looked up once: it takes some milliseconds. */
function characters(content: string): CodePoints {
  const known = sets.get(content);
  if (known) return known;
  const runs = new RegExp(`[${content}]+`, "gu");
  diverseTexts ??= DIVERSE.map(text);
  const diverse = diverseTexts.flatMap((part) => Array.from(part.matchAll(runs), ([run]) => ends(run)));
  const uniform = UNIFORM.filter(([first]) => String.fromCodePoint(first).search(runs) === 0);
  const set = codePoints([...diverse, ...uniform]);
  sets.set(content, set);
  return set;
}

function ends(run: string): Range {
  const last = run.charCodeAt(run.length - 1);
  return [single(run), last >= 0xdc00 && last <= 0xdfff ? single(run.slice(-2)) : last];
}

function single(character: string): number {
  return character.codePointAt(0) as number;
}

function text([first, last]: Range): string {
  let all = "";
  for (let point = first; point <= last; point += 1) all += String.fromCodePoint(point);
  return all;
}

function isPattern(source: string): boolean {
  try {
    new RegExp(source, "u");
    return true;
  } catch {
    return false;
  }
}
