/** What is known of a request when it is over. No text, no vector, no secret; the tenant by its id alone. */
export interface RequestRecord {
  readonly request_id: string;
  /** Null: the operator, or nobody. */
  readonly tenant: string | null;
  readonly method: string;
  /** As the route is written: `/v1/documents/{document}`. */
  readonly route: string;
  readonly status: number;
  /** Of the problem, where there was one. */
  readonly code?: string;
  /** Until the answer began, or, where it was streamed, ended. */
  readonly ms: number;
  /** Tokens that a model was asked to embed. */
  readonly tokens: number;
  /** Tokens that the chat model read, where it was asked. */
  readonly input_tokens?: number;
  /** Tokens that the chat model wrote, where it was asked. */
  readonly output_tokens?: number;
  /** Documents or hits in the answer, or written. */
  readonly rows?: number;
}

/** Whoever is told of every request: a log, metrics. */
export type Observer = (record: RequestRecord) => void;
