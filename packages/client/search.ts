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
}
