/** What a retriever or a tool narrows its searches to. */
export interface SearchOptions {
  /** Default `knowledge`. */
  readonly collection?: string;
  /** Default 10. */
  readonly topK?: number;
  readonly filter?: Record<string, unknown>;
  /** Default `hybrid`. */
  readonly mode?: "vector" | "keyword" | "hybrid";
}
