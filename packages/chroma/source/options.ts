/** Address, credentials and retries of a Chroma server. */
export interface ChromaOptions {
  /** The server's address, including a path prefix: `https://host:8000/chroma`. */
  readonly url: string;
  /** Sent as `Authorization: Bearer` and as `X-Chroma-Token`, because servers read one or the other. */
  readonly token?: string;
  /** `user:password` for HTTP basic authentication. */
  readonly basic?: string;
  /** Additional headers, for example for a proxy. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Timeout of one request in milliseconds. Default 60,000. */
  readonly timeout?: number;
  /** Attempts for each request. Default 6, with 6 s of waiting in total. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt, doubled for each further attempt. Default 200. */
  readonly backoff?: number;
}
