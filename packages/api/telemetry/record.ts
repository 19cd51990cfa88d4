/** A finished request, for logs and metrics. Contains no text, vector or secret, and the tenant only as an id. */
export interface RequestRecord {
  readonly request_id: string;
  /** Null: the operator, or an unauthenticated request. */
  readonly tenant: string | null;
  readonly method: string;
  /** The pattern of the route: `/v1/documents/{document}`. */
  readonly route: string;
  readonly status: number;
  /** The code of the problem, if the request failed. */
  readonly code?: string;
  /** Milliseconds until the response began or, if it was streamed, ended. */
  readonly ms: number;
  /** Tokens sent to an embedding model. */
  readonly tokens: number;
  /** Tokens that the chat model read. Absent: it was not called. */
  readonly input_tokens?: number;
  /** Tokens that the chat model wrote. Absent: it was not called. */
  readonly output_tokens?: number;
  /** Calls to a rerank model whose order was applied. Absent: there was none. */
  readonly reranks?: number;
  /** Tokens that these calls sent. */
  readonly rerank_tokens?: number;
  /** Calls to a rerank model that failed. Absent: there was none. */
  readonly rerank_failures?: number;
  /** Documents or hits that were returned or written. */
  readonly rows?: number;
  /** Where the tenant is on its way to this service. Absent: the request is not about a tenant that moves. */
  readonly phase?: string;
  /** The system that decided the request. */
  readonly side?: string;
  /** Milliseconds that the other system took. Absent: it was not asked. */
  readonly upstream_ms?: number;
}

/** Receives every finished request: a log, metrics, usage. */
export type Observer = (record: RequestRecord) => void;
