import { AppError } from "../error.ts";
import type { Embedder, EmbedOptions } from "./embedder.ts";

/**
 * One vector a text, in order. Throws what the embedder throws, and the reason of the first text that has no vector,
 * with the path `texts[i]`.
 */
export async function embedAll(
  embedder: Embedder,
  texts: readonly string[],
  options: EmbedOptions,
): Promise<readonly Float32Array[]> {
  const embedded = await embedder.embed(texts, options);
  return embedded.map((one, index) => {
    if (!(one instanceof AppError)) return one;
    throw new AppError(one.code, one.message, { cause: one.cause, path: `texts[${index}]` });
  });
}
