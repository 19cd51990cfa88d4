/** Options of the searches of a retriever or a tool. */
export interface SearchOptions {
  /** Default `knowledge`. */
  readonly collection?: string;
  /** Default 10. */
  readonly topK?: number;
  readonly filter?: Record<string, unknown>;
  /** `document`: only the best passage of each document, for `topK` documents. Default: that of the service. */
  readonly groupBy?: "document" | "passage";
  /** Default `hybrid`. */
  readonly mode?: "vector" | "keyword" | "hybrid";
  /** Orders the best passages by the service's rerank model. Default: by the search alone. */
  readonly rerank?: { readonly model?: string; readonly topN?: number };
  /** Returns the text around each passage, too. Default: the passage. */
  readonly expand?: { readonly before?: number; readonly after?: number; readonly section?: boolean };
}

/** The fields of a request for these options. */
export function rankingFields({ rerank, expand }: Pick<SearchOptions, "rerank" | "expand">) {
  return { rerank: rerank && { model: rerank.model, top_n: rerank.topN }, expand };
}
