export type CountTokens = (text: string) => number;

/** Maximum characters counted at once, if white space allows a cut. */
const MAX_SLICE_LENGTH = 1000;

/** Maximum length of an unbroken run that is counted at once. Merging the pairs of a run takes quadratic time. */
const MAX_RUN_LENGTH = 64;

/** A word with the white space before it, as the tokenizer reads them, or the white space at the end of the text. */
const WORD = /\s*\S+|\s+/g;

/**
 * Words in the library's token cache. Its default of 100,000 makes a process a hundred times slower after many texts,
 * because each hit deletes a key of a full Map and sets it again.
 */
const MAX_CACHED_WORDS = 500;

/** Counts a text such as `<|endoftext|>` as plain text, not as a special token. */
const NO_SPECIAL_TOKENS = { disallowedSpecial: new Set<string>() };

/** An upper bound of a text's tokens: the number of its UTF-8 bytes, because each token has at least one byte. */
export function tokenUpperBound(text: string): number {
  return Buffer.byteLength(text);
}

/**
 * Loads the tokenizer of OpenAI's embedding models (cl100k_base): 1.2 MB and about 120 ms the first time. Counting then
 * takes about 40 ms per megabyte of text. The count is exact. Do not pass unbroken runs of many hundred characters.
 */
export async function loadTokenizer(): Promise<CountTokens> {
  const { countTokens, setMergeCacheSize } = await import("gpt-tokenizer/encoding/cl100k_base");
  setMergeCacheSize(MAX_CACHED_WORDS);
  return (text) => countTokens(text, NO_SPECIAL_TOKENS);
}

/**
 * The number of tokens of any text, in linear time. A run of more than 64 characters without white space is counted in
 * parts, which adds at most one token per part.
 */
export function countInSlices(count: CountTokens, text: string): number {
  let tokens = 0;
  for (const slice of slicesOf(text)) tokens += count(slice);
  return tokens;
}

function* slicesOf(text: string): Generator<string> {
  if (text.length <= MAX_RUN_LENGTH) {
    yield text;
    return;
  }
  let start = 0;
  let end = 0;
  for (const { 0: word, index } of text.matchAll(WORD)) {
    const isLong = word.length > MAX_RUN_LENGTH;
    if (end > start && (isLong || index + word.length - start > MAX_SLICE_LENGTH)) {
      yield text.slice(start, end);
      start = end;
    }
    end = index + word.length;
    if (!isLong) continue;
    while (start < end) {
      const cut = alignToCodePoint(text, Math.min(start + MAX_RUN_LENGTH, end));
      yield text.slice(start, cut);
      start = cut;
    }
  }
  if (end > start) yield text.slice(start, end);
}

/** The position, or the next one if it would split a surrogate pair. */
export function alignToCodePoint(text: string, at: number): number {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff ? at + 1 : at;
}
