import type { WordTableData } from "@cairn/core/embedding/word-table/table.ts";
import { gloveVectors } from "../datasets/glove.ts";
import { removeCommonComponent } from "./common-component.ts";
import { quantize } from "./product-quantization.ts";

/** The most frequent words. With them, the bundle for Cloudflare stays below the limit of its free plan. */
const WORDS = 50_000;

/** What `offline/words` takes for a word. GloVe also has punctuation, and parts such as `n't`. */
const WORD = /^[\p{L}\p{N}\p{M}]+$/u;

/** Elements of a part that is one byte in the table: 20 bytes for the 100 elements of a word. */
const PART_SIZE = 5;

/** Words in the texts that GloVe was trained on. */
const VOCABULARY = 400_000;

/** The frequency at which a word counts half, as Arora et al. (2017) recommend: 1e-3 to 1e-4. */
const HALF_WEIGHT_FREQUENCY = 1e-4;

/**
 * The table of `bundled/glove-50k`: GloVe's vectors without their common component, each multiplied by the weight of its word
 * (smooth inverse frequency) and product-quantized. GloVe lists words by frequency, which follows from the rank by Zipf's law.
 * Takes a minute. The same vectors give the same table, byte for byte.
 */
export async function makeWordTable(): Promise<WordTableData> {
  const { texts, vectors } = await gloveVectors();
  const ranked = texts.map((word, rank) => ({ word, vector: vectors[rank] as Float32Array, frequency: zipf(rank) }));
  const chosen = ranked.filter(({ word }) => WORD.test(word)).slice(0, WORDS);
  const own = removeCommonComponent(
    chosen.map(({ vector }) => vector),
    chosen.map(({ frequency }) => frequency),
  );
  const lengths = own.map((vector) => Math.sqrt(vector.reduce((sum, element) => sum + element * element, 0)));
  const weights = chosen.map(
    ({ frequency }, row) => ((lengths[row] as number) * HALF_WEIGHT_FREQUENCY) / (HALF_WEIGHT_FREQUENCY + frequency),
  );
  const directions = own.map((vector, row) => vector.map((element) => element / (lengths[row] as number)));
  const { centroids, codes } = quantize(directions, PART_SIZE);
  const heaviest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  return {
    words: chosen.map(({ word }) => word).join(" "),
    weights: toBase64(Uint16Array.from(weights, (weight) => Math.round((weight / heaviest) * 0xffff))),
    centroids: toBase64(Int16Array.from(centroids, (element) => Math.round(element * 0x7fff))),
    codes: toBase64(codes),
  };
}

function zipf(rank: number): number {
  return 1 / ((rank + 1) * Math.log(VOCABULARY));
}

function toBase64({ buffer }: Uint8Array | Uint16Array | Int16Array): string {
  return Buffer.from(buffer as ArrayBuffer).toString("base64");
}
