import { collectionEmbedder } from "../collection/embedder.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import { cachedTarget } from "./read-target.ts";

/** Where the caller gave a field of a query, by its number from 0: `queries[2].query_embedding`. */
export type PathOf = (index: number, field: "query" | "query_embedding") => string;

export interface Wanted {
  /** What to look for, as text: embedded by the collection's model unless a vector is given. */
  readonly text?: string;
  /** What to look for, as a vector of `collection.dimensions` finite numbers. */
  readonly embedding?: Float32Array;
}

export interface EmbeddedQueries {
  /** One a query. */
  readonly embeddings: readonly Float32Array[];
  /** The model that embedded the texts; undefined where there was none to embed. */
  readonly model?: string | null;
}

/** Stands for the vector of a text while the collection has no dimensions: there is nothing to find by it. */
export const NO_VECTOR = new Float32Array();

/**
 * A vector a query: the given ones, and one for each text by the collection's model, in one call. Throws what the
 * embedder throws, and with the query's path why the model gives no vector for a text.
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
    readonly queries: readonly Wanted[];
    readonly collection?: string;
    readonly pathOf?: PathOf;
    readonly signal?: AbortSignal;
  },
): Promise<EmbeddedQueries> {
  const places = [...queries.keys()].filter(
    (place) => !queries[place]?.embedding && queries[place]?.text !== undefined,
  );
  const texts = places.map((place) => queries[place]?.text as string);
  if (texts.length === 0) return { embeddings: queries.map(({ embedding }) => embedding ?? NO_VECTOR) };
  const { collection } = await cachedTarget(services.database, tenantId, name);
  const { dimensions, embeddingModel: model } = collection;
  const embedder = collectionEmbedder(services, collection);
  const embedded = dimensions === null ? [] : await embedder.embed(texts, { dimensions, signal });
  const vectors = embedded.map((one, at) => {
    if (!(one instanceof AppError)) return one;
    const path = pathOf?.(places[at] as number, "query");
    throw new AppError(one.code, one.message, { cause: one.cause, path });
  });
  const rest = vectors.values();
  return { embeddings: queries.map(({ embedding }) => embedding ?? rest.next().value ?? NO_VECTOR), model };
}
