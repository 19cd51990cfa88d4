import { nextTurn } from "../turn.ts";
import type { Embedder } from "./embedder.ts";

/** Texts between two turns of the event loop: some 1 ms each. */
const BATCH = 32;
const WORD = /[\p{L}\p{N}\p{M}]+/gu;
/** Scripts written without spaces between words: their runs are compared by shorter pieces. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
/** Longer runs are no words; what follows is not looked at piece by piece. */
const MAX_WORD_LENGTH = 100;
/** Of a word's own weight, what all its pieces weigh together: `policies` still finds `policy`. */
const PIECES_WEIGHT = 0.7;
/** Words that nearly every English passage has, worth little in a comparison. */
const COMMON = new Set(
  (
    "a about after all also am an and any are as at be been but by can could did do does for from had has have he her his how " +
    "i if in into is it its just me my no not of on or our she should so some than that the their them then there these they " +
    "this to us was we were what when where which who why will with would you your"
  ).split(" "),
);
const COMMON_WEIGHT = 0.1;

/**
 * `offline/words`: an embedder that needs no network, no model and no money. **It finds words, not meaning**: a text
 * is close to another that has the same words or parts of words, and `refund` is as far from `money back` as from
 * `banana`. Words and their pieces of 3 to 5 characters are hashed with a sign into as many dimensions as asked
 * (Weinberger et al. 2009, Feature Hashing), damped by their logarithm, to unit length. The same text always gives
 * the same vector, on every machine; under some 500 dimensions chance hits outweigh the words; a text without a word gives a vector of its own, never zeros.
 */
export function createOfflineEmbedder(model = "offline/words"): Embedder {
  return {
    model,
    cacheable: false,
    async embed(texts, { dimensions, onBatch, signal }) {
      const vectors: Float32Array[] = [];
      for (let offset = 0; offset < texts.length; offset += BATCH) {
        signal?.throwIfAborted();
        const batch = texts.slice(offset, offset + BATCH).map((text) => hashWords(text, dimensions));
        await onBatch?.(batch.map((vector, at) => ({ index: offset + at, vector })));
        vectors.push(...batch);
        if (offset + BATCH < texts.length) await nextTurn();
      }
      return vectors;
    },
  };
}

function hashWords(text: string, dimensions: number): Float32Array {
  const plain = text.normalize("NFKC").toLowerCase();
  const sums = new Float64Array(dimensions);
  for (const [feature, weight] of features(plain)) {
    const hash = hashOf(feature);
    const place = (hash & 0x7fffffff) % dimensions;
    sums[place] = (sums[place] as number) + (hash >>> 31 ? weight : -weight);
  }
  const length = Math.sqrt(sums.reduce((sum, element) => sum + element * element, 0));
  if (length > 0) return Float32Array.from(sums, (element) => element / length);
  const vector = new Float32Array(dimensions); // no word at all, or all of them cancelled out
  vector[hashOf(plain) % dimensions] = 1;
  return vector;
}

/** Words and their pieces, each with its weight in this text. */
function features(plain: string): Map<string, number> {
  const words = new Map<string, number>();
  for (const [word] of plain.matchAll(WORD)) words.set(word, (words.get(word) ?? 0) + 1);
  const weights = new Map<string, number>();
  const add = (feature: string, weight: number) => weights.set(feature, (weights.get(feature) ?? 0) + weight);
  for (const [word, times] of words) {
    const weight = (1 + Math.log(times)) * (COMMON.has(word) ? COMMON_WEIGHT : 1);
    add(word, weight);
    const pieces = piecesOf(word);
    for (const piece of pieces) add(piece, (PIECES_WEIGHT * weight) / Math.sqrt(pieces.length));
  }
  return weights;
}

function piecesOf(word: string): readonly string[] {
  const [shortest, longest] = UNSPACED.test(word) ? [1, 3] : [3, 5];
  const marked = `<${word.slice(0, MAX_WORD_LENGTH)}>`; // its two ends tell a piece from a word
  const pieces: string[] = [];
  for (let size = shortest; size <= longest; size++)
    for (let at = 0; at + size <= marked.length; at++) pieces.push(marked.slice(at, at + size));
  return pieces;
}

/** FNV-1a over UTF-16 units, its bits mixed as MurmurHash3 ends: 32 bits, unsigned. */
function hashOf(feature: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < feature.length; at++) hash = Math.imul(hash ^ feature.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
