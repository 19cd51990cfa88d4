import { AppError } from "../error.ts";
import type { Embedder, EmbedOptions } from "./embedder.ts";

/**
 * One vector per text, in order. Throws the embedder's errors and, for the first text without a vector, the reason with
 * the path `texts[i]`.
 */
export async function embedAll(
  embedder: Embedder,
  texts: readonly string[],
  options: EmbedOptions,
): Promise<readonly Float32Array[]> {
  const embedded = await embedder.embed(texts, options);
  return embedded.map((result, index) => {
    if (!(result instanceof AppError)) return result;
    throw new AppError(result.code, result.message, { cause: result.cause, path: `texts[${index}]` });
  });
}
