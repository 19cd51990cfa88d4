import { createHash } from "node:crypto";
import { unavailable } from "../local.ts";
import { GLOVE_MODEL, MEANING_DIMENSIONS } from "./dimensions.ts";

/** The table as it is stored. Lists of numbers are Base64 of their bytes, little-endian. `bench/word-table` makes it. */
export interface WordTableData {
  /** The words, the most frequent first, with a space between two. */
  readonly words: string;
  /** The weight of each word, relative to the heaviest: Uint16. */
  readonly weights: string;
  /** 256 centroids of each part of a vector: Int16. */
  readonly centroids: string;
  /** The centroid of each part for each word: one byte. */
  readonly codes: string;
}

/** Word vectors of `MEANING_DIMENSIONS` elements. Takes 8 MB of memory. */
export interface WordTable {
  /** Adds the vector of a word, multiplied by `factor`, to `sum`. Adds nothing if the word is unknown. */
  addWord(sum: Float64Array, word: string, factor: number): void;
}

/** SHA-256 of the table. Vectors of another table could not be compared with stored ones. */
const SHA256 = "e98c40fd5a3c88171f8081c129f2b529add8de67edece77e7ffef2e46cf30345";

const CENTROIDS = 256;

let loaded: Promise<WordTable> | undefined;

/** The table of this process, 2 MB of JSON that are loaded by the first call. Throws `embedder_unavailable` if it was changed. */
export function loadWordTable(): Promise<WordTable> {
  loaded ??= import("./table.json", { with: { type: "json" } }).then((module) => openWordTable(module.default));
  return loaded;
}

/** The table from its stored form. Throws `embedder_unavailable` if it is not the table of this version. */
export function openWordTable(data: WordTableData): WordTable {
  if (hashTable(data) !== SHA256)
    throw unavailable(
      GLOVE_MODEL,
      "Its table is not that of this version. Install Cairn again, or name another model.",
    );
  const rows = new Map(data.words.split(" ").map((word, row) => [word, row]));
  const weights = new Uint16Array(bytesOf(data.weights));
  const centroids = new Int16Array(bytesOf(data.centroids));
  const codes = new Uint8Array(bytesOf(data.codes));
  const parts = codes.length / rows.size;
  const size = MEANING_DIMENSIONS / parts;
  return {
    addWord(sum, word, factor) {
      const row = rows.get(word);
      if (row === undefined) return;
      const scale = factor * (weights[row] as number);
      for (let part = 0; part < parts; part++) {
        const centroid = (part * CENTROIDS + (codes[row * parts + part] as number)) * size;
        for (let at = 0; at < size; at++) {
          const element = part * size + at;
          sum[element] = (sum[element] as number) + scale * (centroids[centroid + at] as number);
        }
      }
    },
  };
}

/** SHA-256 of the table's content, in hexadecimal. */
export function hashTable({ words, weights, centroids, codes }: WordTableData): string {
  return createHash("sha256").update([words, weights, centroids, codes].join("\n")).digest("hex");
}

function bytesOf(base64: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(base64, "base64")).buffer;
}
