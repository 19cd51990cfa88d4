export interface ChatModelOptions {
  /** The model's name on the server. */
  readonly model: string;
  readonly apiKey: string;
  /** Default `https://api.openai.com/v1`. */
  readonly baseUrl?: string;
  /** Milliseconds until the answer begins, waits and further attempts included. Default 20,000. */
  readonly deadline?: number;
  /** Milliseconds for one attempt to begin. Default 15,000. */
  readonly attemptTimeout?: number;
  /** Milliseconds that the model may fall silent within an answer. Default 15,000. */
  readonly silence?: number;
  /** Milliseconds for one whole answer of the model. Default 120,000. */
  readonly answerTimeout?: number;
  /** Default 3. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt. Default 300. */
  readonly backoff?: number;
}
