/** What a retriever or a tool narrows its searches to. */
export interface SearchOptions {
  /** Default `knowledge`. */
  readonly collection?: string;
  /** Default 10. */
  readonly topK?: number;
  readonly filter?: Record<string, unknown>;
  /** `document`: the best passage of each document, `topK` documents. Default: that of the service. */
  readonly groupBy?: "document" | "passage";
  /** Default `hybrid`. */
  readonly mode?: "vector" | "keyword" | "hybrid";
}
