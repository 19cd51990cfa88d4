import type { OpenAI } from "openai";
import { AppError } from "../error.ts";
import { assertEmbeddable, planBatches } from "./batch.ts";
import type { Embedder, EmbedOptions } from "./embedder.ts";
import { takesDimensions } from "./models.ts";
import { explainFailure } from "./openai-fault.ts";
import { readVectors } from "./openai-reply.ts";
import { retry } from "./retry.ts";

export interface OpenAiOptions {
  /** `provider/model`, as a collection names it. */
  readonly model: string;
  /** The model's name on the server. */
  readonly remoteModel: string;
  /** A server that needs none takes any. */
  readonly apiKey: string;
  /** Default `https://api.openai.com/v1`. */
  readonly baseUrl?: string;
  /** Whether the server is told how many dimensions to give. Default: for `text-embedding-3-…` alone. */
  readonly sendDimensions?: boolean;
  /** Milliseconds for a whole call, its batches and waits included. Default 60,000. */
  readonly deadline?: number;
  /** Milliseconds for one request. Default 30,000. */
  readonly attemptTimeout?: number;
  /** Requests a batch at most. Default 5. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt; doubled each time. Default 500. */
  readonly backoff?: number;
  /** Texts a request. Default 2,048, OpenAI's limit. */
  readonly maxInputs?: number;
  /** Tokens a request. Default 250,000: OpenAI's limit is 300,000, and other models count otherwise. */
  readonly maxTokens?: number;
  /** Tokens a text. Default 8,192, OpenAI's limit. */
  readonly maxTextTokens?: number;
}

const OPENAI_URL = "https://api.openai.com/v1";

/**
 * An embedder over any server that speaks OpenAI's protocol. A rate limit, a fault of the server, a lost connection
 * and a broken reply are tried again before the deadline; a used-up quota ends the call at once. Throws `invalid_input`
 * where the address cannot be used.
 */
export function createOpenAiEmbedder(options: OpenAiOptions): Embedder {
  const host = hostOf(options.baseUrl ?? OPENAI_URL);
  let loading: Promise<OpenAI> | undefined;
  return {
    model: options.model,
    async embed(texts, call) {
      await assertEmbeddable(texts, options.maxTextTokens ?? 8192);
      const { maxInputs = 2048, maxTokens = 250_000 } = options;
      const batches = await planBatches(texts, { maxInputs, maxTokens });
      const deadline = performance.now() + (options.deadline ?? 60_000);
      const vectors: Float32Array[] = [];
      for (const batch of batches) {
        loading ??= connect(options);
        const some = await embedBatch(await loading, options, batch.texts, { ...call, deadline, host });
        await call.onBatch?.(some, batch.offset);
        vectors.push(...some);
      }
      return vectors;
    },
  };
}

/** Throws without the address, which may hold a password. */
function hostOf(address: string): string {
  const url = URL.parse(address);
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url.host;
  throw new AppError(
    "invalid_input",
    "The embedding server's address must be an http or https URL without user and password: those go into the API key.",
  );
}

/** Imported when the first text must be embedded: 422 kB and 60 to 90 ms. What it would read of the environment is said aloud. */
async function connect({ apiKey, baseUrl = OPENAI_URL }: OpenAiOptions): Promise<OpenAI> {
  const { OpenAI } = await import("openai");
  return new OpenAI({
    apiKey,
    baseURL: baseUrl,
    organization: null,
    project: null,
    maxRetries: 0,
    logLevel: "off",
  });
}

function embedBatch(
  client: OpenAI,
  options: OpenAiOptions,
  texts: readonly string[],
  { dimensions, deadline, host, signal }: EmbedOptions & { readonly deadline: number; readonly host: string },
): Promise<readonly Float32Array[]> {
  const { model, remoteModel, attemptTimeout = 30_000, attempts = 5, backoff = 500, apiKey } = options;
  const size = (options.sendDimensions ?? takesDimensions(remoteModel)) ? { dimensions } : {};
  return retry(
    async (attempt) => {
      const reply: unknown = await client.embeddings.create(
        // The client asks for base64 otherwise, and reads a reply in plain numbers as a few wrong ones.
        {
          model: remoteModel,
          input: texts.map((text) => text.toWellFormed()),
          encoding_format: "float",
          ...size,
        },
        // The client's own clock is left at its ten minutes: of two for one time, either may strike first.
        { signal: attempt },
      );
      return readVectors(reply, { model, count: texts.length, dimensions });
    },
    {
      deadline,
      attemptTimeout,
      attempts,
      backoff,
      signal,
      explain: (error, timedOut) => explainFailure(error, { host, model, texts, apiKey, timedOut }),
    },
  );
}
