export interface ChromaOptions {
  /** The server's address, a path prefix included: `https://host:8000/chroma`. */
  readonly url: string;
  /** Sent as `Authorization: Bearer` and as `X-Chroma-Token`: servers look at one or the other. */
  readonly token?: string;
  /** `user:password` for HTTP basic authentication. */
  readonly basic?: string;
  /** Further headers, as a proxy before the server may want. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds that one request may take. Default 60,000. */
  readonly timeout?: number;
  /** Times that a request is tried. Default 6, which waits for 6 s in all. */
  readonly attempts?: number;
  /** Milliseconds before the second try; doubled each time. Default 200. */
  readonly backoff?: number;
}
