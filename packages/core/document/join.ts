import type { Document, Passage } from "./document.ts";

/**
 * Minimum length of an overlap in UTF-16 units. A shorter match counts as coincidence, such as a word that ends one
 * passage and starts the next. `chunkText` creates shorter overlaps only for an overlap of a few tokens or next to a wide
 * gap.
 */
const MIN_OVERLAP_LENGTH = 16;

/**
 * The original text of these passages. If their offsets are known, the text is exact to the last character: overlaps
 * occur only once. Runs in linear time.
 */
export function joinPassages(passages: readonly Passage[]): string {
  return joinExactly(passages) ?? joinByOverlap(passages);
}

/** The original text of a document; null: it has none. */
export function documentText({ passages }: Document): string | null {
  return passages.every(({ content }) => content === null) ? null : joinPassages(passages);
}

/** The text joined by offsets. Undefined: an offset is unknown or contradicts the texts. */
export function joinExactly(passages: readonly Pick<Passage, "offset" | "content">[]): string | undefined {
  const parts: string[] = [];
  let length = passages[0]?.offset ?? 0;
  let previous = { start: length, text: "" };
  for (const { offset, content } of passages) {
    if (offset == null || offset > length || offset < previous.start) return undefined;
    const text = content ?? "";
    const repeated = previous.text.slice(offset - previous.start);
    if (!text.startsWith(repeated)) return undefined;
    parts.push(text.slice(repeated.length));
    length = offset + text.length;
    previous = { start: offset, text };
  }
  return parts.join("");
}

/**
 * The text of passages that an earlier version wrote. Passages without overlap are joined by a line break, because neither
 * contains the white space between them.
 *
 * The overlap was not stored. It is the longest end of the previous passage that the next one starts with. In a repetitive
 * text such as `0, 0, 0, …`, many ends match; the one closest to the default overlap is used.
 */
function joinByOverlap(passages: readonly Passage[]): string {
  const texts = passages.map(({ content }) => content ?? "");
  const parts = texts.map((text, index) => {
    const previous = texts[index - 1];
    if (previous === undefined) return text;
    const repeated = overlapOf(previous, text);
    return repeated === 0 ? `\n${text}` : text.slice(repeated);
  });
  return parts.join("");
}

function overlapOf(previous: string, text: string): number {
  const lengths = commonLengths(previous, text).filter((length) => length >= MIN_OVERLAP_LENGTH);
  // By default a passage repeats half of the previous one, or less at the start of a paragraph, but more than an eighth.
  const usual = lengths.find((length) => length <= previous.length / 2) ?? 0;
  return usual >= previous.length / 8 ? usual : (lengths[0] ?? 0);
}

/**
 * The lengths of all strings that end `previous` and start `text`, longest first. Neither text is included completely.
 * Source: Knuth, Morris and Pratt 1977, Fast Pattern Matching in Strings.
 */
function commonLengths(previous: string, text: string): readonly number[] {
  const maxLength = Math.min(previous.length, text.length) - 1;
  const shorter = new Int32Array(maxLength + 1); // for each length, the next shorter length that also matches
  const extend = (length: number, unit: number): number => {
    let common = length;
    while (common > 0 && text.charCodeAt(common) !== unit) common = shorter[common] as number;
    return text.charCodeAt(common) === unit ? common + 1 : common;
  };
  for (let at = 1; at < maxLength; at++) shorter[at + 1] = extend(shorter[at] as number, text.charCodeAt(at));
  let length = 0;
  for (let at = previous.length - maxLength; at < previous.length; at++)
    length = extend(length, previous.charCodeAt(at));
  const lengths: number[] = [];
  for (; length > 0; length = shorter[length] as number) lengths.push(length);
  return lengths;
}
