import { codeRanges } from "./code-ranges.ts";

/** Maximum length of a heading in UTF-16 code units. A longer one is cut. */
const MAX_HEADING_LENGTH = 200;

/**
 * `## Title`, or a line of text that the next line underlines with `===` or `---`. Source: CommonMark 0.31, 4.2 and 4.3. The flag m
 * is not used: with it, lines also begin after U+2028 and a lone carriage return, and the time is quadratic.
 */
const HEADING =
  /(?<![^\n]) {0,3}(?:(#{1,6})(?![^ \t\r\n])([^\n]*)|(?![ \t]*(?:[-*+>|#]|\d{1,9}[.)][ \t]|\r?\n))([^\n]+)\n {0,3}(=+|-+)[ \t\r]*(?![^\n]))/g;

/**
 * For each position of a Markdown text, in ascending order, the headings above it, outermost first. A heading that follows the
 * position after white space counts as above it. Lines in code blocks are not headings.
 */
export function headingsAt(text: string, positions: readonly number[]): readonly (readonly string[])[] {
  const headings = findHeadings(text);
  const open: Heading[] = [];
  let heading = headings.next().value;
  return positions.map((position) => {
    const start = position + (text.slice(position, position + 10_000).match(/^\s*/)?.[0].length ?? 0);
    for (; heading && heading.start <= start; heading = headings.next().value) {
      while ((open.at(-1)?.level ?? 0) >= heading.level) open.pop();
      open.push(heading);
    }
    return open.map(({ title }) => title).filter((title) => title !== "");
  });
}

interface Heading {
  readonly start: number;
  /** 1 to 6. */
  readonly level: number;
  readonly title: string;
}

/** The headings of a Markdown text, in its order. `start`: position of the heading's line in UTF-16 code units. */
export function* findHeadings(text: string): Generator<Heading, undefined> {
  const code = codeRanges(text).values();
  let range = code.next().value;
  for (const { 1: marks, 2: title = "", 3: underlined, 4: underline = "", index } of text.matchAll(HEADING)) {
    while (range && range.end <= index) range = code.next().value;
    if (range && range.start <= index) continue;
    const level = marks?.length ?? (underline.startsWith("=") ? 1 : 2);
    yield { start: index, level, title: plainTitle(underlined ?? withoutClosing(title)) };
  }
}

/** The title without the number signs at its end. */
function withoutClosing(title: string): string {
  const text = title.trim();
  let end = text.length;
  while (text[end - 1] === "#") end--;
  return end === 0 || /[ \t]/.test(text[end - 1] as string) ? text.slice(0, end) : text;
}

/** The title without the marks of links, emphasis and code. */
function plainTitle(title: string): string {
  const plain = title
    .slice(0, 2_000)
    .replaceAll(/!?\[([^[\]]*)\](?:\([^()]*\)|\[[^[\]]*\])?/g, "$1")
    .replaceAll(/`|\*\*|__|(?<=^|\s)[*_](?=\S)|(?<=\S)[*_](?=\s|$)/g, "")
    .replaceAll(/\s+/g, " ")
    .trim();
  if (plain.length <= MAX_HEADING_LENGTH) return plain;
  const start = plain.slice(0, MAX_HEADING_LENGTH - 1).trimEnd();
  return `${/[\ud800-\udbff]$/.test(start) ? start.slice(0, -1) : start}…`;
}
