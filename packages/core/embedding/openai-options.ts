export interface OpenAiOptions {
  /** `provider/model`, as a collection stores it. */
  readonly model: string;
  /** The model's name on the server. */
  readonly remoteModel: string;
  /** Any value for a server without authentication. */
  readonly apiKey: string;
  /** Default `https://api.openai.com/v1`. */
  readonly baseUrl?: string;
  /** Milliseconds for one call, including its batches and waits. Default 60,000. */
  readonly deadline?: number;
  /** Milliseconds for one request. Default 30,000. */
  readonly attemptTimeout?: number;
  /** Maximum requests per batch. Default 5. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt. Doubles with each attempt. Default 500. */
  readonly backoff?: number;
  /** Maximum texts per request. Default 2,048, OpenAI's limit. A lower limit of the server is learned. */
  readonly maxInputs?: number;
  /** Maximum tokens per request. Default 250,000: OpenAI's limit is 300,000, and other models count differently. */
  readonly maxTokens?: number;
  /** Maximum tokens per text. Default 8,192, OpenAI's limit. */
  readonly maxTextTokens?: number;
}
