import type { RerankFormat } from "./reranker.ts";

export interface RerankerOptions {
  readonly format: RerankFormat;
  /** Address that requests are sent to. Default: the provider's; `tei` has none. */
  readonly url?: string;
  /** Default: none, for servers without authentication. */
  readonly apiKey?: string;
  /** The model of requests that name none. Not used by `tei`, whose servers have one model. */
  readonly model?: string;
  /** Milliseconds for the calls of one search, with retries and waits. Default 2,000. */
  readonly timeout?: number;
  /** Calls of one tenant at the same time, in each process. More wait within their time limit. Default 4. */
  readonly tenantConcurrency?: number;
  /** Maximum requests per batch of passages. Default 2. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt. Default 100. */
  readonly backoff?: number;
  /** How messages name these options. Default: as here. */
  readonly names?: RerankOptionNames;
}

/** What the caller calls the options in its own settings. */
export interface RerankOptionNames {
  readonly format: string;
  readonly url: string;
  readonly model: string;
}

export const OPTION_NAMES: RerankOptionNames = { format: "format", url: "url", model: "model" };
