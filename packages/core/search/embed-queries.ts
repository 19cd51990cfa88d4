import { collectionEmbedder } from "../collection/embedder.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import { cachedTarget } from "./read-target.ts";

/** The path of a query's field in the request, by index from 0: `queries[2].query_embedding`. */
export type PathOf = (index: number, field: "query" | "query_embedding") => string;

export interface QueryInput {
  /** The query text. The collection's model embeds it unless there is a vector. */
  readonly text?: string;
  /** The query vector: `collection.dimensions` finite numbers. */
  readonly embedding?: Float32Array;
}

export interface EmbeddedQueries {
  /** One for each query. */
  readonly embeddings: readonly Float32Array[];
  /** The model that embedded the texts. Undefined if no text was embedded. */
  readonly model?: string | null;
}

/** Placeholder for the vector of a text while the collection has no dimensions, and so no vectors to find. */
export const NO_VECTOR = new Float32Array();

/**
 * One vector for each query. Texts without a vector are embedded with the collection's model in one call. Throws what the
 * embedder throws, and the error of a text that the model cannot embed, with the path of its query.
 */
export async function embedQueries(
  services: Services,
  tenantId: string,
  {
    queries,
    collection: name,
    signal,
    pathOf,
  }: {
    readonly queries: readonly QueryInput[];
    readonly collection?: string;
    readonly pathOf?: PathOf;
    readonly signal?: AbortSignal;
  },
): Promise<EmbeddedQueries> {
  const textIndexes = [...queries.keys()].filter(
    (index) => !queries[index]?.embedding && queries[index]?.text !== undefined,
  );
  const texts = textIndexes.map((index) => queries[index]?.text as string);
  if (texts.length === 0) return { embeddings: queries.map(({ embedding }) => embedding ?? NO_VECTOR) };
  const { collection } = await cachedTarget(services.database, tenantId, name);
  const { dimensions, embeddingModel: model } = collection;
  const embedder = collectionEmbedder(services, collection);
  const embedded = dimensions === null ? [] : await embedder.embed(texts, { dimensions, signal });
  const vectors = embedded.map((vector, index) => {
    if (!(vector instanceof AppError)) return vector;
    const path = pathOf?.(textIndexes[index] as number, "query");
    throw new AppError(vector.code, vector.message, { cause: vector.cause, path });
  });
  const textVectors = vectors.values();
  return {
    embeddings: queries.map(({ embedding }) => embedding ?? textVectors.next().value ?? NO_VECTOR),
    model,
  };
}
