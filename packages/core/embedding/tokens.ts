export type CountTokens = (text: string) => number;

/** Characters that are counted at once, where white space lets a text be cut. */
const SLICE = 1000;

/** Longest unbroken run that is counted whole: merging the pairs of a run takes the square of its length. */
const MAX_RUN_LENGTH = 64;

/** A word and the white space before it, as the tokenizer reads them; or what white space ends the text. */
const WORD = /\s*\S+|\s+/g;

/**
 * Words whose tokens the library remembers. Its default of 100,000 makes a process that has seen many texts a hundred
 * times as slow: each hit deletes a key of a full Map and sets it again.
 */
const REMEMBERED = 500;

/** No special token is meant by a document that holds `<|endoftext|>`. */
const PLAIN = { disallowedSpecial: new Set<string>() };

/** More tokens than this the text cannot have: each is at least a byte of its UTF-8. */
export function tokenBound(text: string): number {
  return Buffer.byteLength(text);
}

/**
 * Loads the tokenizer of OpenAI's embedding models (cl100k_base): 1.2 MB and about 120 ms the first time, then some
 * 40 ms a megabyte of text. It answers the exact number of tokens; give it no unbroken run of many hundred characters.
 */
export async function loadTokenizer(): Promise<CountTokens> {
  const { countTokens, setMergeCacheSize } = await import("gpt-tokenizer/encoding/cl100k_base");
  setMergeCacheSize(REMEMBERED);
  return (text) => countTokens(text, PLAIN);
}

/**
 * The number of tokens of any text, in linear time. A run of more than 64 characters without white space is counted in
 * parts, which makes it one token more a part at most.
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
    if (end > start && (isLong || index + word.length - start > SLICE)) {
      yield text.slice(start, end);
      start = end;
    }
    end = index + word.length;
    if (!isLong) continue;
    while (start < end) {
      const cut = endOfPart(text, Math.min(start + MAX_RUN_LENGTH, end));
      yield text.slice(start, cut);
      start = cut;
    }
  }
  if (end > start) yield text.slice(start, end);
}

/** The place itself, or the one behind it where a surrogate pair would be parted. */
export function endOfPart(text: string, at: number): number {
  return isHigh(text.charCodeAt(at - 1)) && isLow(text.charCodeAt(at)) ? at + 1 : at;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
