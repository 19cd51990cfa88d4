import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CACHE } from "./packages.ts";

/** Texts with their vectors, in the same order. */
export interface TextVectors {
  readonly texts: readonly string[];
  readonly vectors: readonly Float32Array[];
}

/** The set from the cache folder. `make` computes it the first time. */
export async function cachedVectors(
  name: string,
  dimensions: number,
  make: () => Promise<TextVectors>,
): Promise<TextVectors> {
  const vectorFile = join(CACHE, `${name}.f32`);
  const textFile = join(CACHE, `${name}.json`);
  if (!existsSync(vectorFile)) {
    const { texts, vectors } = await make();
    mkdirSync(CACHE, { recursive: true });
    writeFileSync(textFile, JSON.stringify(texts));
    const all = new Float32Array(vectors.length * dimensions);
    for (const [index, vector] of vectors.entries()) all.set(vector, index * dimensions);
    writeFileSync(`${vectorFile}.new`, new Uint8Array(all.buffer));
    renameSync(`${vectorFile}.new`, vectorFile);
  }
  const { buffer, byteOffset, byteLength } = readFileSync(vectorFile);
  const all = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
  const texts = JSON.parse(readFileSync(textFile, "utf8")) as string[];
  return {
    texts,
    vectors: texts.map((_, index) => all.subarray(index * dimensions, (index + 1) * dimensions)),
  };
}
