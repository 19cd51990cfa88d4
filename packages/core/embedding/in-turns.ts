import { nextTurn } from "../turn.ts";
import type { EmbedOptions } from "./embedder.ts";

/** Texts per time slice. Each text takes about 1 ms. */
const BATCH_SIZE = 32;

/** Embeds texts by a function of this process, in time slices. Throws the signal's reason. */
export async function embedInTurns(
  texts: readonly string[],
  embedText: (text: string) => Float32Array,
  { onBatch, signal }: EmbedOptions,
): Promise<readonly Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (let offset = 0; offset < texts.length; offset += BATCH_SIZE) {
    signal?.throwIfAborted();
    const batch = texts.slice(offset, offset + BATCH_SIZE).map(embedText);
    await onBatch?.(batch.map((vector, at) => ({ index: offset + at, vector })));
    vectors.push(...batch);
    if (offset + BATCH_SIZE < texts.length) await nextTurn();
  }
  return vectors;
}
