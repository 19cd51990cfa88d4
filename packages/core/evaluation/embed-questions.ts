import type { Collection } from "../collection/collection.ts";
import { collectionEmbedder } from "../collection/embedder.ts";
import { withBudget } from "../embedding/budget.ts";
import { embedWithCache } from "../embedding/cache.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import type { Question } from "./question.ts";

/** Questions in one call to the cache and the model. */
const BATCH_SIZE = 100;

export interface EmbeddedQuestions {
  /** One vector for each question. Undefined: the collection has no vectors yet. */
  readonly vectors: readonly (Float32Array | undefined)[];
  /** Tokens sent to the model. */
  readonly tokens: number;
}

/**
 * The vectors of questions in a collection's space, from the tenant's embedding cache or the model. Throws the model's errors,
 * with the id of the question.
 */
export async function embedQuestions(
  services: Services,
  collection: Collection,
  questions: readonly Question[],
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: (embedded: number) => void } = {},
): Promise<EmbeddedQuestions> {
  const { tenantId, dimensions } = collection;
  if (dimensions === null) return { vectors: questions.map(() => undefined), tokens: 0 };
  let tokens = 0;
  const counted = withBudget(services.embedders, services.database, {
    tenantId,
    tokensPerDay: undefined, // the caller's embedders have the budget
    onTokens: (count) => {
      tokens += count;
    },
  });
  const embedder = collectionEmbedder({ ...services, embedders: counted }, collection);
  const vectors: Float32Array[] = [];
  for (let start = 0; start < questions.length; start += BATCH_SIZE) {
    signal?.throwIfAborted();
    const batch = questions.slice(start, start + BATCH_SIZE);
    const texts = batch.map(({ text }) => text);
    const embedded = await embedWithCache(services.database, tenantId, embedder, texts, { dimensions, signal });
    for (const [index, vector] of embedded.entries()) {
      if (!(vector instanceof AppError)) vectors.push(vector);
      else
        throw new AppError(
          vector.code,
          `Question ${JSON.stringify(batch[index]?.id)} cannot be embedded: ${vector.message}`,
          { cause: vector.cause },
        );
    }
    onProgress?.(vectors.length);
  }
  return { vectors, tokens };
}
