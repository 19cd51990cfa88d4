export interface ChatModelOptions {
  /** The model's name on the server. */
  readonly model: string;
  readonly apiKey: string;
  /** Default `https://api.openai.com/v1`. */
  readonly baseUrl?: string;
  /** Milliseconds until the answer starts, including retries and waits. Default 20,000. */
  readonly deadline?: number;
  /** Milliseconds until one attempt starts its answer. Default 15,000. */
  readonly attemptTimeout?: number;
  /** Milliseconds between two pieces of an answer. Default 15,000. */
  readonly idleTimeout?: number;
  /** Milliseconds for one complete answer of the model. Default 120,000. */
  readonly answerTimeout?: number;
  /** Attempts to start an answer. Default 3. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt. Default 300. */
  readonly backoff?: number;
}
