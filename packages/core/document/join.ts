import type { Document, Passage } from "./document.ts";

/**
 * UTF-16 units that an overlap has at least: a shorter one is taken for chance, as where a word ends one passage and
 * begins the next. `chunkText` makes such overlaps only where it is asked for a few tokens, or about a wide gap.
 */
const SHORTEST = 16;

/**
 * The text that was split into these passages, in their order. Where their offsets are known it is the same to the
 * last character: what a passage repeats of the one before stands once. Takes time in proportion to the text.
 */
export function joinPassages(passages: readonly Passage[]): string {
  return joinByOffset(passages) ?? joinByOverlap(passages);
}

/** A document's whole text, as it was given; null where it has none. */
export function documentText({ passages }: Document): string | null {
  return passages.every(({ content }) => content === null) ? null : joinPassages(passages);
}

/** Undefined where an offset is unknown, or does not agree with the texts. */
function joinByOffset(passages: readonly Passage[]): string | undefined {
  const added: string[] = [];
  let length = passages[0]?.offset ?? 0;
  let before = { start: length, text: "" };
  for (const { offset, content } of passages) {
    if (offset == null || offset > length || offset < before.start) return undefined;
    const text = content ?? "";
    const repeated = before.text.slice(offset - before.start);
    if (!text.startsWith(repeated)) return undefined;
    added.push(text.slice(repeated.length));
    length = offset + text.length;
    before = { start: offset, text };
  }
  return added.join("");
}

/**
 * The text of passages that an earlier version wrote. Two that have nothing in common stand on lines of their own, as
 * the white space between them is in neither.
 *
 * How much a passage repeats was stored nowhere: it is the longest end of the one before that it begins with. In a text
 * that repeats itself, as `0, 0, 0, …` does, many ends are alike; the one is taken that the default overlap makes.
 */
function joinByOverlap(passages: readonly Passage[]): string {
  const texts = passages.map(({ content }) => content ?? "");
  const added = texts.map((text, index) => {
    const before = texts[index - 1];
    if (before === undefined) return text;
    const repeated = overlapOf(before, text);
    return repeated === 0 ? `\n${text}` : text.slice(repeated);
  });
  return added.join("");
}

function overlapOf(before: string, text: string): number {
  const lengths = commonLengths(before, text).filter((length) => length >= SHORTEST);
  // By default half a passage is repeated, or less where a paragraph begins: an eighth is less than it comes to.
  const usual = lengths.find((length) => length <= before.length / 2) ?? 0;
  return usual >= before.length / 8 ? usual : (lengths[0] ?? 0);
}

/**
 * The lengths, from the longest, of whatever `before` ends with and `text` begins with; never all of either.
 * Source: Knuth, Morris and Pratt 1977, Fast Pattern Matching in Strings.
 */
function commonLengths(before: string, text: string): readonly number[] {
  const most = Math.min(before.length, text.length) - 1;
  const shorter = new Int32Array(most + 1); // for each length, the next one that would do as well
  const extend = (length: number, unit: number): number => {
    let common = length;
    while (common > 0 && text.charCodeAt(common) !== unit) common = shorter[common] as number;
    return text.charCodeAt(common) === unit ? common + 1 : common;
  };
  for (let at = 1; at < most; at++) shorter[at + 1] = extend(shorter[at] as number, text.charCodeAt(at));
  let length = 0;
  for (let at = before.length - most; at < before.length; at++)
    length = extend(length, before.charCodeAt(at));
  const lengths: number[] = [];
  for (; length > 0; length = shorter[length] as number) lengths.push(length);
  return lengths;
}
