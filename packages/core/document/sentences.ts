import { alignToCodePoint } from "../embedding/tokens.ts";

/** How good a place to cut is, from the worst to the best. */
export const CUT = { anywhere: 0, word: 1, line: 2, sentence: 3, paragraph: 4 } as const;
export type Cut = (typeof CUT)[keyof typeof CUT];

/** A part of a text without white space at its ends, in UTF-16 units. */
export interface Range {
  readonly start: number;
  readonly end: number;
  /** What a cut after it would be. */
  readonly cut: Cut;
}

/** Characters of white space that no passage reaches across: the tokenizer takes the square of their number. */
export const WIDEST_GAP = 200;

/**
 * Characters that are segmented at once: a text without a break would stop the process for seconds, and one of nothing
 * but line breaks for minutes. Longer than any sentence that stays whole.
 */
const WINDOW = 4_096;

const SENTENCE_END = /[.!?…。！？．｡][\p{Pe}\p{Pf}\p{Po}]*$/u;
const BLANK = /\s{1,65536}/y;

const sentenceSegmenter = new Intl.Segmenter("en", { granularity: "sentence" });
const graphemeSegmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

type Open = Omit<Range, "cut"> & { readonly cut?: Cut };

/** A text's sentences, some at a time; one that is longer than a window comes in parts. Only white space is between two. */
export function* sentences(text: string): Generator<readonly Range[]> {
  let last: Open | undefined;
  let at = 0;
  while (at < text.length) {
    BLANK.lastIndex = at;
    if (BLANK.test(text)) {
      at = BLANK.lastIndex;
      yield [];
      continue;
    }
    const { found, next } = segmentWindow(text, at);
    const ranges: Range[] = [];
    for (const sentence of found) {
      if (last) ranges.push({ ...last, cut: last.cut ?? cutBetween(text, last.end, sentence.start) });
      last = sentence;
    }
    yield ranges;
    at = next;
  }
  if (last) yield [{ ...last, cut: CUT.paragraph }];
}

/** The sentences that end in the window from `at` on, and where the next one begins. */
function segmentWindow(text: string, at: number): { readonly found: readonly Open[]; readonly next: number } {
  const end = alignToCodePoint(text, Math.min(at + WINDOW, text.length));
  const part = text.slice(at, end);
  const found: Open[] = [];
  let open = 0;
  for (const { segment, index } of sentenceSegmenter.segment(part)) {
    open = index;
    if (index + segment.length === part.length && end < text.length) break; // it may go on behind the window
    add(found, at + index, segment);
  }
  if (end === text.length) return { found, next: end };
  if (open > 0) return { found, next: at + open };
  const { length, cut } = cutWithin(part);
  add(found, at, part.slice(0, length), cut);
  return { found, next: at + length };
}

function add(found: Open[], at: number, segment: string, cut?: Cut): void {
  const start = at + segment.length - segment.trimStart().length;
  const end = at + segment.trimEnd().length;
  if (end > start) found.push({ start, end, cut });
}

/** Where a sentence that fills a window is cut: behind its last white space, else between two graphemes. */
function cutWithin(part: string): { readonly length: number; readonly cut: Cut } {
  const words = part.slice(0, part.length - 1).trimEnd();
  const space = words.search(/\s\S*$/);
  if (space > 0) return { length: space + 1, cut: CUT.word };
  const grapheme = graphemeSegmenter.segment(part).containing(part.length - 1)?.index ?? 0;
  return { length: grapheme > 0 ? grapheme : part.length, cut: CUT.anywhere };
}

function cutBetween(text: string, end: number, next: number): Cut {
  if (next - end > WIDEST_GAP) return CUT.paragraph;
  const gap = text.slice(end, next);
  if (/\n\s*\n/.test(gap)) return CUT.paragraph;
  if (!/\n/.test(gap) || SENTENCE_END.test(text.slice(Math.max(0, end - 8), end))) return CUT.sentence;
  return CUT.line;
}
