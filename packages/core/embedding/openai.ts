import type { OpenAI } from "openai";
import { AppError } from "../error.ts";
import { findUnembeddable, planBatches } from "./batch.ts";
import type { Embedded, Embedder, EmbedOptions } from "./embedder.ts";
import { createLearnedLimits } from "./learned-limits.ts";
import type { OpenAiOptions } from "./openai-options.ts";

const OPENAI_URL = "https://api.openai.com/v1";

/** Maximum numbers in a reply. As JSON each takes about 20 bytes, so 5 MB in total; memory holds several copies. */
const MAX_REPLY_NUMBERS = 250_000;

/**
 * An embedder for any server that speaks OpenAI's protocol. Rate limits, server errors, lost connections and invalid
 * replies are retried until the deadline. An exhausted quota fails the call at once. A rejected batch is sent in parts
 * until the failing texts are found. Throws `invalid_input` if the address cannot be used.
 */
export function createOpenAiEmbedder(options: OpenAiOptions): Embedder {
  const { model, baseUrl = OPENAI_URL, maxInputs = 2048, maxTokens = 250_000, maxTextTokens = 8192 } = options;
  const host = hostOf(baseUrl);
  const learned = createLearnedLimits();
  let connecting: Promise<OpenAI> | undefined;
  return {
    model,
    maxTextTokens: options.maxTextTokens,
    async embed(texts, call) {
      const faults = await findUnembeddable(texts, maxTextTokens);
      const indexes = Array.from(texts.keys()).filter((index) => !faults.has(index));
      const batches = await planBatches(
        indexes.map((index) => texts[index] as string),
        { maxInputs: Math.min(maxInputs, maxReplyInputs(call)), maxTokens },
      );
      if (batches.length === 0) return texts.map((_, index) => faults.get(index) as AppError);
      // Loaded with the first text: a process that only searches by vector needs none of them.
      const [{ connectOpenAi }, { openEmbeddingCall }, { embedBatch }] = await Promise.all([
        import("./openai-client.ts"),
        import("./openai-call.ts"),
        import("./embed-batch.ts"),
      ]);
      connecting ??= connectOpenAi({ ...options, baseUrl });
      const embeddingCall = openEmbeddingCall(await connecting, { ...options, host, learned, texts, call });
      for (const { offset, texts: batch } of batches)
        await embedBatch(indexes.slice(offset, offset + batch.length), embeddingCall);
      return texts.map((_, index) => (faults.get(index) ?? embeddingCall.results.get(index)) as Embedded);
    },
  };
}

function maxReplyInputs({ dimensions }: EmbedOptions): number {
  return Math.max(1, Math.floor(MAX_REPLY_NUMBERS / dimensions));
}

/** The host of an address. The error does not contain the address, which may hold a password. */
function hostOf(address: string): string {
  const url = URL.parse(address);
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url.host;
  throw new AppError(
    "invalid_input",
    "The address of the embedding server cannot be used: it must be an http or https URL without user and password. Put credentials into the API key.",
  );
}
