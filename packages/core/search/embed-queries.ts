import { collectionEmbedder } from "../collection/embedder.ts";
import type { Services } from "../services.ts";
import { knownTarget } from "./target.ts";

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

/** A vector a query: the given ones, and one for each text by the collection's model, in one call. */
export async function embedQueries(
  services: Services,
  tenantId: string,
  {
    queries,
    collection: name,
    signal,
  }: {
    readonly queries: readonly Wanted[];
    readonly collection?: string;
    readonly signal?: AbortSignal;
  },
): Promise<EmbeddedQueries> {
  const texts = queries.flatMap(({ text, embedding }) => (embedding || text === undefined ? [] : [text]));
  if (texts.length === 0) return { embeddings: queries.map(({ embedding }) => embedding ?? NO_VECTOR) };
  const { collection } = await knownTarget(services.database, tenantId, name);
  const { dimensions, embeddingModel: model } = collection;
  const embedder = collectionEmbedder(services, collection);
  const vectors = dimensions === null ? [] : await embedder.embed(texts, { dimensions, signal });
  const rest = vectors.values();
  return { embeddings: queries.map(({ embedding }) => embedding ?? rest.next().value ?? NO_VECTOR), model };
}
