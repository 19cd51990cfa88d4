import type { Collection } from "../collection/collection.ts";
import { collectionEmbedder } from "../collection/embedder.ts";
import type { Metric } from "../collection/metric.ts";
import { findVectorFault } from "../collection/vector-fault.ts";
import { embedWithCache } from "../embedding/cache.ts";
import { type Embedded, requireDefaultModel } from "../embedding/embedder.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import { chunkText } from "./chunk.ts";
import type { NewDocument } from "./document.ts";

export interface PassageOptions {
  /** Tokens a passage at most. Default 800, as OpenAI's vector stores have. */
  readonly maxTokens?: number;
  /** Tokens that a passage repeats of the one before. Default 400, as OpenAI's vector stores have. */
  readonly overlap?: number;
  readonly signal?: AbortSignal;
}

/** A document with its passages and a vector for each. */
export interface Passages {
  readonly document: NewDocument & { readonly id: string };
  readonly texts: readonly (string | null)[];
  readonly vectors: readonly Float32Array[];
}

export interface Failure {
  readonly id: string;
  readonly code: AppError["code"];
  readonly message: string;
}

type Identified = Passages["document"];

/** Splits documents and embeds their passages. Those that cannot be embedded come back as failures. */
export async function embedPassages(
  services: Services,
  collection: Collection,
  documents: readonly Identified[],
  options: PassageOptions,
): Promise<{ readonly documents: readonly Passages[]; readonly failed: readonly Failure[] }> {
  const ready: Passages[] = [];
  const failed: Failure[] = [];
  const toEmbed: Passages[] = [];
  for (const document of documents) {
    const fault = findFault(document, collection.metric);
    if (fault) failed.push({ id: document.id, code: "invalid_input", message: fault });
    else if (document.embedding)
      ready.push({ document, texts: [document.content], vectors: [document.embedding] });
    else toEmbed.push({ document, texts: await chunkText(document.content ?? "", options), vectors: [] });
  }
  const embedded = await embedGroups(
    services,
    collection,
    toEmbed.map(({ texts }) => texts as readonly string[]),
    options.signal,
  );
  for (const [index, passages] of toEmbed.entries()) {
    const vectors = embedded[index];
    if (vectors instanceof AppError)
      failed.push({ id: passages.document.id, code: vectors.code, message: vectors.message });
    else if (vectors) ready.push({ ...passages, vectors });
  }
  return { documents: ready, failed };
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
  const dimensions = collection.dimensions ?? requireDefaultModel(services.embedders).dimensions;
  try {
    const embedded = await embedWithCache(services.database, collection.tenantId, embedder, groups.flat(), {
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

function findFault({ content, embedding }: Identified, metric: Metric): string | undefined {
  if (embedding) {
    const fault = findVectorFault(embedding, metric);
    return fault && `Its vector ${fault.says}.`;
  }
  if (content === null) return "It has no text to embed. Give its text or its vector.";
  if (content.trim() === "") return "Its text is empty. Give some text or a vector.";
  return undefined;
}
