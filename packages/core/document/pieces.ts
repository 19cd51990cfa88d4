import { type CountTokens, countInSlices } from "../embedding/tokens.ts";
import { CUT, type Range, sentences, WIDEST_GAP } from "./sentences.ts";

/** A part of a text that stays whole: a sentence, or a word of a long one. Only white space lies between two. */
export interface Piece extends Range {
  /** Tokens at most, with the white space before it. */
  readonly tokens: number;
  /** Tokens at most, without. */
  readonly bare: () => number;
  /** Whether so much white space is before it that a passage does not reach across. */
  readonly apart: boolean;
}

const MAX_SENTENCE_LENGTH = 2000;
const MAX_WORD_LENGTH = 200;

/** Characters a token, where a sentence of more is not worth counting: it has more than the limit. */
const MAX_TOKEN_LENGTH = 16;

/**
 * Divides a text into pieces of at most `limit` tokens, at sentences, else words, else anywhere between characters:
 * some at a time, a few thousand characters of the text.
 */
export function* dividePieces(text: string, limit: number, count: CountTokens): Generator<readonly Piece[]> {
  let previous = 0;
  const measure = (range: Range, bytes = false): Piece => {
    const apart = range.start - previous > WIDEST_GAP;
    const from = apart ? range.start : previous;
    const tokensFrom = (start: number) => {
      const slice = text.slice(start, range.end);
      return bytes ? Buffer.byteLength(slice) : countInSlices(count, slice);
    };
    const tokens = tokensFrom(from);
    let bare = from === range.start ? tokens : undefined;
    const countBare = () => {
      bare ??= tokensFrom(range.start);
      return bare;
    };
    return { ...range, apart, tokens, bare: countBare };
  };
  const whole = (range: Range, longest: number): Piece | undefined => {
    if (range.end - range.start > Math.min(longest, limit * MAX_TOKEN_LENGTH)) return undefined;
    const piece = measure(range);
    const fits = range.end - range.start <= limit / 3 || piece.tokens <= limit || piece.bare() <= limit;
    return fits ? piece : undefined;
  };
  for (const some of sentences(text)) {
    const pieces: Piece[] = [];
    const add = (piece: Piece) => {
      pieces.push(piece);
      previous = piece.end;
    };
    for (const sentence of some) {
      const piece = whole(sentence, MAX_SENTENCE_LENGTH);
      if (piece) add(piece);
      else
        for (const word of words(text, sentence)) {
          const one = whole(word, MAX_WORD_LENGTH);
          if (one) add(one);
          else for (const slice of slices(text, word, limit)) add(measure(slice, true));
        }
    }
    yield pieces;
  }
}

const wordSegmenter = new Intl.Segmenter("en", { granularity: "word" });
const graphemeSegmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Words with the marks that cling to them; in scripts without spaces, words by the dictionary. */
function* words(text: string, { start, end, cut }: Range): Generator<Range> {
  let from = start;
  let to = start;
  let afterWord = false;
  for (const { segment, index, isWordLike = false } of wordSegmenter.segment(text.slice(start, end))) {
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
    const last = graphemeSegmenter.segment(slice).containing(slice.length - 1)?.index ?? 0;
    if (to < end && last > 0) to = at + last; // the last one may go on past the slice
    yield { start: at, end: to, cut: to === end ? cut : CUT.anywhere };
    at = to;
  }
}
