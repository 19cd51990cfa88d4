import type { Embedder } from "../embedder.ts";
import { embedInTurns } from "../in-turns.ts";
import { assertModelDimensions } from "../model-fault.ts";
import { hashWords, weighWords } from "../offline.ts";
import { GLOVE_DIMENSIONS, GLOVE_MODEL, MEANING_DIMENSIONS } from "./dimensions.ts";
import { loadWordTable, type WordTable } from "./table.ts";

/**
 * `bundled/glove-50k`: the 50,000 most frequent English words of GloVe (Pennington et al. 2014), in a table of 2 MB. It needs no
 * key, no network, no thread and no file, so it also runs on Lambda and on Cloudflare. A vector has 100 elements for the meaning
 * of the text, the weighted sum of its words' vectors, and 1,436 for its words, as `offline/words` makes them. It knows what words
 * mean, but not what a sentence says: see docs/benchmarks.md. Throws `embedder_unavailable` if the table was changed.
 */
export function createGloveEmbedder(): Embedder {
  return {
    model: GLOVE_MODEL,
    cacheable: false,
    async embed(texts, options) {
      assertModelDimensions(GLOVE_MODEL, GLOVE_DIMENSIONS, options.dimensions);
      const table = await loadWordTable();
      return embedInTurns(texts, (text) => embedText(text, table), options);
    },
  };
}

/** The similarity of two texts is the mean of the similarities of their meanings and of their words. */
function embedText(text: string, table: WordTable): Float32Array {
  const words = hashWords(text, GLOVE_DIMENSIONS - MEANING_DIMENSIONS);
  const meaning = sumWords(text, table);
  const length = Math.sqrt(meaning.reduce((sum, element) => sum + element * element, 0));
  if (length === 0) return Float32Array.from([...meaning, ...words]); // no word of the text is in the table
  const vector = new Float32Array(GLOVE_DIMENSIONS);
  vector.set(meaning.map((element) => (element * Math.SQRT1_2) / length));
  vector.set(
    words.map((element) => element * Math.SQRT1_2),
    MEANING_DIMENSIONS,
  );
  return vector;
}

function sumWords(text: string, table: WordTable): Float64Array {
  const sum = new Float64Array(MEANING_DIMENSIONS);
  for (const [word, weight] of weighWords(text)) table.addWord(sum, word, weight);
  return sum;
}
