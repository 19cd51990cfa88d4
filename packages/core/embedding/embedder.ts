import { AppError } from "../error.ts";
/** The vector of a text, or the reason why the model returned none. */
export type Embedded = Float32Array | AppError;

/** A vector and the index of its text in the call. */
export interface EmbeddedText {
  readonly index: number;
  readonly vector: Float32Array;
}

/** Embeds texts with one model. Vectors of different models are never compared. */
export interface Embedder {
  /** `provider/model`, as a collection stores it: `openai/text-embedding-3-small`. */
  readonly model: string;
  /** Whether its vectors are worth caching by content hash. Default true. */
  readonly cacheable?: boolean;
  /** Maximum tokens per text, if configured. */
  readonly maxTextTokens?: number;
  /**
   * One result per text, in order: a Float32Array of `dimensions` finite numbers, not all zero, or the reason why this
   * text has none (`invalid_input`: rejected, `embedding_failed`: no usable vector). Other texts are not affected.
   * Throws if all texts fail: `embedder_unavailable`, `embedding_failed`, `embedding_quota`, `dimension_mismatch`, and
   * the signal's reason.
   */
  embed(texts: readonly string[], options: EmbedOptions): Promise<readonly Embedded[]>;
}

export interface EmbedOptions {
  /** Required length of every vector. */
  readonly dimensions: number;
  /** Called with the vectors of each batch before the next batch is requested. */
  readonly onBatch?: (batch: readonly EmbeddedText[]) => Promise<void>;
  /** Cancels the call, including its waits. */
  readonly signal?: AbortSignal;
}

/** Model and dimensions of a collection that names no model. */
export interface DefaultModel {
  readonly model: string;
  readonly dimensions: number;
}

/** The configured embedders of this process. */
export interface Embedders {
  /** Undefined if no model is configured. Then every new collection must name a model. */
  readonly default: DefaultModel | undefined;
  /** Text for the user if the default is missing or no match for a provider's model; undefined otherwise. */
  readonly notice: string | undefined;
  /** The embedder of a model. Throws `embedder_unavailable` with the setting to add if it is not configured. */
  get(model: string): Embedder;
}

/** The default model. Throws `embedder_unavailable` with the setting to add if none is configured. */
export function requireDefaultModel(embedders: Embedders): DefaultModel {
  if (embedders.default) return embedders.default;
  throw new AppError(
    "embedder_unavailable",
    `The collection cannot be created: it names no embedding model. ${embedders.notice ?? ""}`.trimEnd(),
    { path: "embeddingModel" },
  );
}
