import { type CountTokens, countInSlices } from "../embedding/tokens.ts";
import { CUT, MAX_GAP_LENGTH, type Range, sentences } from "./sentences.ts";

/** A part of a text that is not split: a sentence, or a word of a long sentence. Only white space is between two pieces. */
export interface Piece extends Range {
  /** Upper bound of its tokens, with the white space before it. */
  readonly tokens: number;
  /** Upper bound of its tokens, without the white space before it. */
  readonly trimmedTokens: () => number;
  /** Whether the white space before it is too long for one passage to contain it. */
  readonly isAfterWideGap: boolean;
}

const MAX_SENTENCE_LENGTH = 2000;
const MAX_WORD_LENGTH = 200;

/** Characters per token from which a sentence counts as over the limit without counting its tokens. */
const MAX_TOKEN_LENGTH = 16;

/**
 * The pieces of a text, each of at most `limit` tokens. Pieces end at sentences if possible, otherwise at words, otherwise
 * between characters. Each step yields the pieces of a few thousand characters.
 */
export function* dividePieces(text: string, limit: number, count: CountTokens): Generator<readonly Piece[]> {
  let previous = 0;
  const measure = (range: Range, isByteCount = false): Piece => {
    const isAfterWideGap = range.start - previous > MAX_GAP_LENGTH;
    const from = isAfterWideGap ? range.start : previous;
    const tokensFrom = (start: number) => {
      const slice = text.slice(start, range.end);
      return isByteCount ? Buffer.byteLength(slice) : countInSlices(count, slice);
    };
    const tokens = tokensFrom(from);
    let trimmed = from === range.start ? tokens : undefined;
    const trimmedTokens = () => {
      trimmed ??= tokensFrom(range.start);
      return trimmed;
    };
    return { ...range, isAfterWideGap, tokens, trimmedTokens };
  };
  const tryPiece = (range: Range, maxLength: number): Piece | undefined => {
    if (range.end - range.start > Math.min(maxLength, limit * MAX_TOKEN_LENGTH)) return undefined;
    const piece = measure(range);
    const fits = range.end - range.start <= limit / 3 || piece.tokens <= limit || piece.trimmedTokens() <= limit;
    return fits ? piece : undefined;
  };
  for (const batch of sentences(text)) {
    const pieces: Piece[] = [];
    const add = (piece: Piece) => {
      pieces.push(piece);
      previous = piece.end;
    };
    for (const sentence of batch) {
      const piece = tryPiece(sentence, MAX_SENTENCE_LENGTH);
      if (piece) add(piece);
      else
        for (const word of words(text, sentence)) {
          const wordPiece = tryPiece(word, MAX_WORD_LENGTH);
          if (wordPiece) add(wordPiece);
          else for (const slice of slices(text, word, limit)) add(measure(slice, true));
        }
    }
    yield pieces;
  }
}

const wordSegmenter = new Intl.Segmenter("en", { granularity: "word" });
const graphemeSegmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** The words of a range with adjacent punctuation. In scripts without spaces, words come from the segmenter's dictionary. */
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

/** Slices of at most `limit` UTF-8 bytes, and so of at most `limit` tokens. They never split a surrogate pair and rarely a grapheme. */
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
    if (to < end && last > 0) to = at + last; // the last grapheme may continue after the slice
    yield { start: at, end: to, cut: to === end ? cut : CUT.anywhere };
    at = to;
  }
}
