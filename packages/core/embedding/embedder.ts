import { AppError } from "../error.ts";
/** A text's vector, or why the model gives none for it. */
export type Embedded = Float32Array | AppError;

/** A vector and the place of its text in the call. */
export interface EmbeddedText {
  readonly index: number;
  readonly vector: Float32Array;
}

/** Turns texts into vectors of one model. Vectors of two models are never compared. */
export interface Embedder {
  /** `provider/model`, as a collection names it: `openai/text-embedding-3-small`. */
  readonly model: string;
  /** Whether its vectors cost enough to be kept by content hash. Default true. */
  readonly cacheable?: boolean;
  /** Tokens of a text that it reads at most, where that is set. */
  readonly maxTextTokens?: number;
  /**
   * One result a text, in the order given: a Float32Array of `dimensions` finite numbers, not all zero, or the reason
   * why this text has none (`invalid_input`: refused, `embedding_failed`: no usable vector). The other texts are not
   * affected. What fails for all of them fails the call: `embedder_unavailable`, `embedding_failed`,
   * `embedding_quota`, `dimension_mismatch`, and the signal's own reason.
   */
  embed(texts: readonly string[], options: EmbedOptions): Promise<readonly Embedded[]>;
}

export interface EmbedOptions {
  /** Length that every vector must have. */
  readonly dimensions: number;
  /** Called with vectors as they arrive, before more are requested. */
  readonly onBatch?: (batch: readonly EmbeddedText[]) => Promise<void>;
  /** Ends the work, whatever it waits for. */
  readonly signal?: AbortSignal;
}

/** Model of a collection that names none, with the dimensions it then has. */
export interface DefaultModel {
  readonly model: string;
  readonly dimensions: number;
}

/** The embedders that this process is configured for. */
export interface Embedders {
  /** Undefined where no model is configured: then every new collection must name its own. */
  readonly default: DefaultModel | undefined;
  /** What to tell the user where the default is missing or not a real model; undefined otherwise. */
  readonly notice: string | undefined;
  /** The embedder of a model. Throws `embedder_unavailable`, saying what to set, where it is not configured. */
  get(model: string): Embedder;
}

/** The default model. Throws `embedder_unavailable`, saying what to set, where none is configured. */
export function requireDefaultModel(embedders: Embedders): DefaultModel {
  if (embedders.default) return embedders.default;
  throw new AppError(
    "embedder_unavailable",
    `The collection cannot be created: it names no embedding model. ${embedders.notice ?? ""}`.trimEnd(),
    { path: "embeddingModel" },
  );
}
