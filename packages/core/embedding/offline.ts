import type { Embedder } from "./embedder.ts";
import { embedInTurns } from "./in-turns.ts";

const WORD = /[\p{L}\p{N}\p{M}]+/gu;
/** Scripts without spaces between words. Their runs are compared by shorter n-grams. */
const UNSPACED_SCRIPT = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
/** Longer runs are not words. N-grams are taken from this prefix only. */
const MAX_WORD_LENGTH = 100;
/** Combined weight of a word's n-grams, relative to the word's weight. It lets `policies` match `policy`. */
const NGRAMS_WEIGHT = 0.7;
/** English stop words. They contribute little to the similarity. */
const STOP_WORDS = new Set(
  (
    "a about after all also am an and any are as at be been but by can could did do does for from had has have he her his how " +
    "i if in into is it its just me my no not of on or our she should so some than that the their them then there these they " +
    "this to us was we were what when where which who why will with would you your"
  ).split(" "),
);
const STOP_WORD_WEIGHT = 0.1;

/**
 * `offline/words`: an embedder that needs no network and no model, and costs nothing. **It finds words, not meaning**: two
 * texts are close if they share words or parts of words, and `refund` is as far from `money back` as from `banana`.
 * Words and their n-grams of 3 to 5 characters are hashed with a sign into the requested dimensions (Weinberger et al.
 * 2009, Feature Hashing), weighted by the logarithm of their frequency, and scaled to unit length. The same text gives
 * the same vector on every machine. Below about 500 dimensions, hash collisions outweigh the words. A text without a word
 * has a vector too, never zeros.
 */
export function createOfflineEmbedder(model = "offline/words"): Embedder {
  return {
    model,
    cacheable: false,
    embed: (texts, options) => embedInTurns(texts, (text) => hashWords(text, options.dimensions), options),
  };
}

/** The vector of a text: its words and their n-grams, hashed. Unit length. */
export function hashWords(text: string, dimensions: number): Float32Array {
  const sums = new Float64Array(dimensions);
  for (const [feature, weight] of features(text)) {
    const hash = hashOf(feature);
    const dimension = (hash & 0x7fffffff) % dimensions;
    sums[dimension] = (sums[dimension] as number) + (hash >>> 31 ? weight : -weight);
  }
  const length = Math.sqrt(sums.reduce((sum, element) => sum + element * element, 0));
  if (length > 0) return Float32Array.from(sums, (element) => element / length);
  const vector = new Float32Array(dimensions); // no word, or all weights cancelled each other out
  vector[hashOf(normalize(text)) % dimensions] = 1;
  return vector;
}

/** The words of a text in lower case, each with the logarithm of its frequency as its weight. */
export function weighWords(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [word] of normalize(text).matchAll(WORD)) counts.set(word, (counts.get(word) ?? 0) + 1);
  for (const [word, count] of counts) counts.set(word, 1 + Math.log(count));
  return counts;
}

function normalize(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

/** The words and n-grams of a text, each with its weight. */
function features(text: string): Map<string, number> {
  const weights = new Map<string, number>();
  const add = (feature: string, weight: number) => weights.set(feature, (weights.get(feature) ?? 0) + weight);
  for (const [word, frequency] of weighWords(text)) {
    const weight = frequency * (STOP_WORDS.has(word) ? STOP_WORD_WEIGHT : 1);
    add(word, weight);
    const ngrams = ngramsOf(word);
    for (const ngram of ngrams) add(ngram, (NGRAMS_WEIGHT * weight) / Math.sqrt(ngrams.length));
  }
  return weights;
}

function ngramsOf(word: string): readonly string[] {
  const [shortest, longest] = UNSPACED_SCRIPT.test(word) ? [1, 3] : [3, 5];
  const marked = `<${word.slice(0, MAX_WORD_LENGTH)}>`; // the markers distinguish an n-gram from a word and mark the ends
  const ngrams: string[] = [];
  for (let size = shortest; size <= longest; size++)
    for (let at = 0; at + size <= marked.length; at++) ngrams.push(marked.slice(at, at + size));
  return ngrams;
}

/** FNV-1a over UTF-16 units with the finalizer of MurmurHash3: 32 bits, unsigned. */
function hashOf(feature: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < feature.length; at++) hash = Math.imul(hash ^ feature.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
