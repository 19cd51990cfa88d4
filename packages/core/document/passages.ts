import type { Collection } from "../collection/collection.ts";
import { collectionEmbedder } from "../collection/embedder.ts";
import { embedWithCache } from "../embedding/cache.ts";
import { type Embedded, requireDefaultModel } from "../embedding/embedder.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";

export interface PassageOptions {
  /** Tokens a passage at most. Default: the collection's. */
  readonly maxTokens?: number;
  /** Tokens that a passage repeats of the one before. Default: the collection's. */
  readonly overlap?: number;
  readonly signal?: AbortSignal;
}

export interface Failure {
  readonly id: string;
  readonly code: AppError["code"];
  readonly message: string;
}

/**
 * One vector a text, group by group; in the place of a group with a text that the model gives no vector for stands the
 * reason. Throws `embedder_unavailable`, `embedding_failed`, `embedding_quota`.
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
    const rest = embedded.values();
    return groups.map((group) => allVectors([...rest.take(group.length)]));
  } catch (error) {
    // An embedder that refuses a call without telling which text is at fault: halves find the group.
    if (!(error instanceof AppError) || error.code !== "invalid_input") throw error;
    if (groups.length === 1) return [error];
    const middle = groups.length >> 1;
    const first = await embedGroups(services, collection, groups.slice(0, middle), signal);
    return [...first, ...(await embedGroups(services, collection, groups.slice(middle), signal))];
  }
}

function allVectors(embedded: readonly Embedded[]): readonly Float32Array[] | AppError {
  const isVector = (one: Embedded): one is Float32Array => one instanceof Float32Array;
  return embedded.every(isVector) ? embedded : (embedded.find((one) => !isVector(one)) as AppError);
}

/** Dimensions of what is embedded for a collection: its own, or, before its first vector, the default model's. */
export function embeddedDimensions({ embedders }: Services, { dimensions }: Collection): number {
  return dimensions ?? requireDefaultModel(embedders).dimensions;
}

/** What a model is given of a passage: the white space at its ends says nothing. */
export function embeddedText(passage: string): string {
  return passage.trim();
}
