import type { OpenAI } from "openai";
import { AppError } from "../error.ts";
import { findUnembeddable, planBatches } from "./batch.ts";
import type { Embedded, Embedder, EmbedOptions } from "./embedder.ts";
import { createLearnedLimits } from "./learned-limits.ts";
import { connectOpenAi } from "./openai-client.ts";
import type { OpenAiOptions } from "./openai-options.ts";

const OPENAI_URL = "https://api.openai.com/v1";

/** Numbers of a reply: as JSON they take some 20 bytes each, so 5 MB, of which several copies are held. */
const MAX_REPLY_NUMBERS = 250_000;

/**
 * An embedder over any server that speaks OpenAI's protocol. A rate limit, a fault of the server, a lost connection
 * and a broken reply are retried before the deadline; a used-up quota ends the call at once. A batch that the server
 * refuses is sent in parts until the texts at fault are found. Throws `invalid_input` where the address cannot be used.
 */
export function createOpenAiEmbedder(options: OpenAiOptions): Embedder {
  const {
    model,
    baseUrl = OPENAI_URL,
    maxInputs = 2048,
    maxTokens = 250_000,
    maxTextTokens = 8192,
  } = options;
  const host = hostOf(baseUrl);
  const learned = createLearnedLimits();
  let connecting: Promise<OpenAI> | undefined;
  return {
    model,
    maxTextTokens: options.maxTextTokens,
    async embed(texts, call) {
      const faults = await findUnembeddable(texts, maxTextTokens);
      const places = Array.from(texts.keys()).filter((place) => !faults.has(place));
      const batches = await planBatches(
        places.map((place) => texts[place] as string),
        { maxInputs: Math.min(maxInputs, maxReplyInputs(call)), maxTokens },
      );
      if (batches.length === 0) return texts.map((_, place) => faults.get(place) as AppError);
      connecting ??= connectOpenAi({ ...options, baseUrl });
      const [{ openSending }, { sendIsolating }] = await Promise.all([
        import("./openai-call.ts"), // with the client: a function that only searches by vectors needs neither
        import("./isolate.ts"),
      ]);
      const sending = openSending(await connecting, { ...options, host, learned, texts, call });
      for (const { offset, texts: some } of batches)
        await sendIsolating(places.slice(offset, offset + some.length), sending);
      return texts.map((_, place) => (faults.get(place) ?? sending.results.get(place)) as Embedded);
    },
  };
}

function maxReplyInputs({ dimensions }: EmbedOptions): number {
  return Math.max(1, Math.floor(MAX_REPLY_NUMBERS / dimensions));
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
