import { createOpenAiEmbedder } from "@cairn/core/embedding/openai.ts";
import type { OpenAiOptions } from "@cairn/core/embedding/openai-options.ts";
import type { AppError } from "@cairn/core/error.ts";
import { onTestFinished } from "vitest";
import { type EmbeddingApiOptions, startEmbeddingApi, vectorOf } from "./embedding-api.ts";

export const SIZE = 8;
export const MODEL = "some-model";
export const KEY = "sk-proj-very-secret-0123456789";
export const texts = (count: number) => Array.from({ length: count }, (_, n) => `passage number ${n}`);
export const vectors = (list: readonly string[], size = SIZE) => list.map((text) => vectorOf(text, size, MODEL));

/** Starts an embedding server that speaks a dialect, for one test, and a function that embeds with it. */
export async function startDialect(options: EmbeddingApiOptions, own: Partial<OpenAiOptions> = {}) {
  const server = await startEmbeddingApi({ dimensions: SIZE, ...options });
  onTestFinished(() => server.stop());
  const embedder = createOpenAiEmbedder({
    model: `local/${MODEL}`,
    remoteModel: MODEL,
    apiKey: KEY,
    baseUrl: server.url,
    deadline: 20_000,
    backoff: 2,
    ...own,
  });
  /** Embeds and returns the result with the requests. */
  const embed = async (list: readonly string[], dimensions = SIZE) => {
    const before = server.requests.length;
    const [result] = await Promise.allSettled([embedder.embed(list, { dimensions })]);
    return {
      value: result.status === "fulfilled" ? result.value : [],
      error: result.status === "rejected" ? (result.reason as AppError) : undefined,
      requests: server.requests.slice(before),
    };
  };
  return { server, embed };
}
