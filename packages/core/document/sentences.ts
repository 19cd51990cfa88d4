import { alignToCodePoint } from "../embedding/tokens.ts";

/** Quality of a cut, from worst to best. */
export const CUT = { anywhere: 0, word: 1, line: 2, sentence: 3, paragraph: 4 } as const;
export type Cut = (typeof CUT)[keyof typeof CUT];

/** A range of a text without white space at its ends, in UTF-16 units. */
export interface Range {
  readonly start: number;
  readonly end: number;
  /** Quality of a cut after it. */
  readonly cut: Cut;
}

/** Maximum white space inside a passage, in characters. The tokenizer takes quadratic time for white space. */
export const MAX_GAP_LENGTH = 200;

/**
 * Characters that are segmented at once. Without a limit, a text without breaks would block the process for seconds, and
 * a text of line breaks only for minutes. The window is longer than any sentence that is not split.
 */
const WINDOW_LENGTH = 4_096;

const SENTENCE_END = /[.!?…。！？．｡][\p{Pe}\p{Pf}\p{Po}]*$/u;
const BLANK = /\s{1,65536}/y;

const sentenceSegmenter = new Intl.Segmenter("en", { granularity: "sentence" });
const graphemeSegmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

type FoundSentence = Omit<Range, "cut"> & { readonly cut?: Cut };

/** The sentences of a text, window by window. A sentence longer than a window is split. Only white space is between two sentences. */
export function* sentences(text: string): Generator<readonly Range[]> {
  let last: FoundSentence | undefined;
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

/** The sentences that end in the window at `at`, and the start of the next sentence. */
function segmentWindow(text: string, at: number): { readonly found: readonly FoundSentence[]; readonly next: number } {
  const end = alignToCodePoint(text, Math.min(at + WINDOW_LENGTH, text.length));
  const part = text.slice(at, end);
  const found: FoundSentence[] = [];
  let lastStart = 0;
  for (const { segment, index } of sentenceSegmenter.segment(part)) {
    lastStart = index;
    if (index + segment.length === part.length && end < text.length) break; // it may continue after the window
    add(found, at + index, segment);
  }
  if (end === text.length) return { found, next: end };
  if (lastStart > 0) return { found, next: at + lastStart };
  const { length, cut } = cutWithin(part);
  add(found, at, part.slice(0, length), cut);
  return { found, next: at + length };
}

function add(found: FoundSentence[], at: number, segment: string, cut?: Cut): void {
  const start = at + segment.length - segment.trimStart().length;
  const end = at + segment.trimEnd().length;
  if (end > start) found.push({ start, end, cut });
}

/** The cut in a sentence that fills a window: after its last white space, otherwise between two graphemes. */
function cutWithin(part: string): { readonly length: number; readonly cut: Cut } {
  const words = part.slice(0, part.length - 1).trimEnd();
  const space = words.search(/\s\S*$/);
  if (space > 0) return { length: space + 1, cut: CUT.word };
  const grapheme = graphemeSegmenter.segment(part).containing(part.length - 1)?.index ?? 0;
  return { length: grapheme > 0 ? grapheme : part.length, cut: CUT.anywhere };
}

function cutBetween(text: string, end: number, next: number): Cut {
  if (next - end > MAX_GAP_LENGTH) return CUT.paragraph;
  const gap = text.slice(end, next);
  if (/\n\s*\n/.test(gap)) return CUT.paragraph;
  if (!/\n/.test(gap) || SENTENCE_END.test(text.slice(Math.max(0, end - 8), end))) return CUT.sentence;
  return CUT.line;
}
