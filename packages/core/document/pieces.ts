import type { CountTokens } from "../embedding/tokens.ts";

/** How good a place to cut is, from the worst to the best. */
const CUT = { anywhere: 0, word: 1, line: 2, sentence: 3, paragraph: 4 } as const;
type Cut = (typeof CUT)[keyof typeof CUT];

/** A part of a text that stays whole: a sentence, or a word of a long one. Only white space lies between two. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  /** What a cut after it would be. */
  readonly cut: Cut;
  /** Tokens at most, with the white space before it; off by one or two where a cut parts what the tokenizer joins. */
  readonly tokens: number;
  /** Whether so much white space is before it that a passage does not reach across. */
  readonly apart: boolean;
}

type Range = Pick<Piece, "start" | "end" | "cut">;

/** Characters of white space that no passage reaches across: the tokenizer takes the square of their number. */
const WIDEST_GAP = 200;
const LONGEST_SENTENCE = 2000;
const LONGEST_WORD = 200;
const SENTENCE_END = /[.!?…。！？．｡][\p{Pe}\p{Pf}\p{Po}]*$/u;

/** Divides a text into pieces of at most `limit` tokens, at sentences, else words, else anywhere between characters. */
export function dividePieces(text: string, limit: number, count: CountTokens): readonly Piece[] {
  const isShort = ({ start, end }: Range, longest: number) =>
    end - start <= longest && (end - start <= limit / 3 || count(text.slice(start, end)) <= limit);
  const pieces: Piece[] = [];
  let previous = 0;
  const add = (range: Range, tokens?: number) => {
    const apart = range.start - previous > WIDEST_GAP;
    const from = apart ? range.start : previous;
    pieces.push({ ...range, apart, tokens: tokens ?? count(text.slice(from, range.end)) });
    previous = range.end;
  };
  for (const sentence of sentences(text)) {
    if (isShort(sentence, LONGEST_SENTENCE)) add(sentence);
    else
      for (const word of words(text, sentence)) {
        if (isShort(word, LONGEST_WORD)) add(word);
        else
          for (const slice of slices(text, word, limit))
            add(slice, Buffer.byteLength(text.slice(previous, slice.end)));
      }
  }
  return pieces;
}

const segmenters = {
  sentence: new Intl.Segmenter("en", { granularity: "sentence" }),
  word: new Intl.Segmenter("en", { granularity: "word" }),
  grapheme: new Intl.Segmenter("en", { granularity: "grapheme" }),
};

function* sentences(text: string): Generator<Range> {
  let held: { readonly start: number; readonly end: number } | undefined;
  for (const { segment, index } of segmenters.sentence.segment(text)) {
    const trimmed = segment.trim();
    if (trimmed === "") continue;
    const start = index + segment.indexOf(trimmed);
    if (held) yield { ...held, cut: cutBetween(text, held.end, start) };
    held = { start, end: start + trimmed.length };
  }
  if (held) yield { ...held, cut: CUT.paragraph };
}

function cutBetween(text: string, end: number, next: number): Cut {
  const gap = text.slice(end, next);
  if (/\n\s*\n/.test(gap)) return CUT.paragraph;
  if (!/\n/.test(gap) || SENTENCE_END.test(text.slice(Math.max(0, end - 8), end))) return CUT.sentence;
  return CUT.line;
}

/** Words with the marks that cling to them; in scripts without spaces, words by the dictionary. */
function* words(text: string, { start, end, cut }: Range): Generator<Range> {
  let from = start;
  let to = start;
  let afterWord = false;
  for (const { segment, index, isWordLike = false } of segmenters.word.segment(text.slice(start, end))) {
    const blank = segment.trim() === "";
    if (to > from && (blank || (isWordLike && afterWord))) {
      yield { start: from, end: to, cut: CUT.word };
      from = to;
    }
    afterWord = isWordLike;
    to = start + index + segment.length;
    if (blank) from = to;
  }
  if (to > from) yield { start: from, end: to, cut };
}

/** Slices of at most `limit` bytes of UTF-8, so of no more tokens: never within a surrogate pair, seldom within a grapheme. */
function* slices(text: string, { start, end, cut }: Range, limit: number): Generator<Range> {
  for (let at = start; at < end; ) {
    let to = at;
    for (let bytes = 0; to < end; ) {
      const point = text.codePointAt(to) as number;
      bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      if (bytes > limit) break;
      to += point < 0x10000 ? 1 : 2;
    }
    const slice = text.slice(at, to);
    const last = segmenters.grapheme.segment(slice).containing(slice.length - 1)?.index ?? 0;
    if (to < end && last > 0) to = at + last; // the last one may go on past the slice
    yield { start: at, end: to, cut: to === end ? cut : CUT.anywhere };
    at = to;
  }
}
