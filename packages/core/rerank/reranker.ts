import { AppError } from "../error.ts";

export const RERANK_FORMATS = ["cohere", "jina", "voyage", "tei"] as const;
/** The format of the requests and responses of a rerank server. */
export type RerankFormat = (typeof RERANK_FORMATS)[number];

/** What a search requests of the rerank model. */
export interface RerankRequest {
  /** The model's name on the server. Default: the configured one. */
  readonly model?: string;
  /** Best rows of the search that the model orders, 1 to 200. Default 50, or `topK` if that is more. */
  readonly topN?: number;
}

/** What the rerank model did for a query. If it was not applied, the hits are in the order of the search. */
export type RerankOutcome =
  | { readonly applied: true; readonly model: string; readonly ms: number; readonly passages: number }
  | { readonly applied: false; readonly reason: RerankFailure; readonly detail: string };

/**
 * `timeout`: no complete answer within the time limit. `busy`: the tenant's other calls took all of it. `quota`: the
 * provider's quota is used up. `budget`: the tenant's tokens of the day are used up. `failed`: any other failure.
 */
export type RerankFailure = "timeout" | "busy" | "quota" | "budget" | "failed";

export interface RerankCall {
  /** Whose calls are counted together. */
  readonly tenantId: string;
  readonly model: string;
  readonly query: string;
  /** Texts that are not blank, at least one. */
  readonly passages: readonly string[];
  /** End of the call, as a value of `performance.now()`. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
}

/** A rerank server. */
export interface Reranker {
  /** The model of a request that names none. Undefined: each request must name one. */
  readonly model: string | undefined;
  /** Milliseconds for the calls of one search. */
  readonly timeout: number;
  /** How messages call the setting of the default model. */
  readonly modelSetting: string;
  /**
   * The score of each passage, in their order; undefined: the server left it out. Throws `RerankError`,
   * `rerank_misconfigured` if the server speaks another format, and the signal's reason.
   */
  rerank(call: RerankCall): Promise<readonly (number | undefined)[]>;
}

/** A failed call, after which the order of the search is returned. */
export class RerankError extends AppError {
  readonly reason: RerankFailure;

  constructor(reason: RerankFailure, message: string, options: { readonly cause?: unknown } = {}) {
    super(reason === "quota" ? "rerank_quota" : "rerank_failed", message, options);
    this.reason = reason;
  }
}

/** Maximum of `topN`. */
export const MAX_RERANKED = 200;

const DEFAULT_TOP_N = 50;

/** Rows that a search reads for each query, at least `topK`. */
export function candidatesOf(topK: number, rerank: RerankRequest | undefined): number {
  return rerank ? Math.max(topK, rerankedOf(topK, rerank)) : topK;
}

/** The first of these rows that the model orders. The others follow in their order. */
function rerankedOf(topK: number, { topN }: RerankRequest): number {
  return topN ?? Math.min(MAX_RERANKED, Math.max(DEFAULT_TOP_N, topK));
}

/** A rerank server with the model and the number of rows of a request. */
export interface ChosenReranker {
  readonly reranker: Reranker;
  readonly model: string;
  readonly topN: number;
}

/** Throws `rerank_not_configured`, and `invalid_input` if neither the request nor the configuration names a model. */
export function requireReranker(
  reranker: Reranker | undefined,
  { topK, rerank }: { readonly topK: number; readonly rerank: RerankRequest },
): ChosenReranker {
  if (!reranker)
    throw new AppError("rerank_not_configured", "No rerank server is configured. Omit rerank.", { path: "rerank" });
  const model = rerank.model ?? reranker.model;
  if (model === undefined)
    throw new AppError(
      "invalid_input",
      `The hits cannot be reranked: no model is named. Name one, or set ${reranker.modelSetting}.`,
      { path: "rerank.model" },
    );
  return { reranker, model, topN: rerankedOf(topK, rerank) };
}
