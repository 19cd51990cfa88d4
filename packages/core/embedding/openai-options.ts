export interface OpenAiOptions {
  /** `provider/model`, as a collection names it. */
  readonly model: string;
  /** The model's name on the server. */
  readonly remoteModel: string;
  /** A server that needs none takes any. */
  readonly apiKey: string;
  /** Default `https://api.openai.com/v1`. */
  readonly baseUrl?: string;
  /** Milliseconds for a whole call, its batches and waits included. Default 60,000. */
  readonly deadline?: number;
  /** Milliseconds for one request. Default 30,000. */
  readonly attemptTimeout?: number;
  /** Requests a batch at most. Default 5. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt; doubled each time. Default 500. */
  readonly backoff?: number;
  /** Texts a request. Default 2,048, OpenAI's limit. A server that takes fewer is found out. */
  readonly maxInputs?: number;
  /** Tokens a request. Default 250,000: OpenAI's limit is 300,000, and other models count otherwise. */
  readonly maxTokens?: number;
  /** Tokens a text. Default 8,192, OpenAI's limit. */
  readonly maxTextTokens?: number;
}
