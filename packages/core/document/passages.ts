import type { Collection } from "../collection/collection.ts";
import { collectionEmbedder } from "../collection/embedder.ts";
import { embedWithCache } from "../embedding/cache.ts";
import { type Embedded, requireDefaultModel } from "../embedding/embedder.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";

export interface PassageOptions {
  /** Maximum tokens per passage. Default: the collection's setting. */
  readonly maxTokens?: number;
  /** Tokens that a passage shares with the previous one. Default: the collection's setting. */
  readonly overlap?: number;
  readonly signal?: AbortSignal;
}

export interface Failure {
  readonly id: string;
  readonly code: AppError["code"];
  readonly message: string;
}

/**
 * One vector per text, group by group. A group with a text that has no vector is replaced by the reason.
 * Throws `embedder_unavailable`, `embedding_failed` and `embedding_quota`.
 */
export async function embedGroups(
  services: Services,
  collection: Collection,
  groups: readonly (readonly string[])[],
  signal?: AbortSignal,
): Promise<readonly (readonly Float32Array[] | AppError)[]> {
  if (groups.length === 0) return [];
  const embedder = collectionEmbedder(services, collection);
  const dimensions = embeddedDimensions(services, collection);
  const texts = groups.flat().map(embeddedText);
  try {
    const embedded = await embedWithCache(services.database, collection.tenantId, embedder, texts, {
      dimensions,
      signal,
    });
    const remaining = embedded.values();
    return groups.map((group) => allVectors([...remaining.take(group.length)]));
  } catch (error) {
    // The embedder rejected the call without naming the text. Bisection finds the group.
    if (!(error instanceof AppError) || error.code !== "invalid_input") throw error;
    if (groups.length === 1) return [error];
    const middle = groups.length >> 1;
    const first = await embedGroups(services, collection, groups.slice(0, middle), signal);
    return [...first, ...(await embedGroups(services, collection, groups.slice(middle), signal))];
  }
}

function allVectors(embedded: readonly Embedded[]): readonly Float32Array[] | AppError {
  const isVector = (result: Embedded): result is Float32Array => result instanceof Float32Array;
  return embedded.every(isVector) ? embedded : (embedded.find((result) => !isVector(result)) as AppError);
}

/** Dimensions of a collection's embeddings: its own or, before its first vector, the default model's. */
export function embeddedDimensions({ embedders }: Services, { dimensions }: Collection): number {
  return dimensions ?? requireDefaultModel(embedders).dimensions;
}

/** The text of a passage that is embedded: without white space at its ends, which has no meaning. */
export function embeddedText(passage: string): string {
  return passage.trim();
}
