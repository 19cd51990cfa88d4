import { createOpenAiEmbedder } from "@cairn/core/embedding/openai.ts";
import type { OpenAiOptions } from "@cairn/core/embedding/openai-options.ts";
import type { AppError } from "@cairn/core/error.ts";
import { beforeEach } from "vitest";
import { startEmbeddingApi, vectorOf } from "./embedding-api.ts";
import { useServer } from "./fixture.ts";

export const KEY = "sk-proj-very-secret-0123456789";
export const DIMENSIONS = 8;
export const texts = [
  "Returns are free within thirty days.",
  "Shipping takes two to four days.",
  "We open at nine o'clock.",
];
export const expected = texts.map((text) => vectorOf(text, DIMENSIONS));

/** An embedding server for the tests of the file, and embedders that call it. */
export function useOpenAiEmbedder() {
  const api = useServer(startEmbeddingApi);
  beforeEach(() => {
    api.always(null);
  });
  return {
    api,
    embedder: (options: Partial<OpenAiOptions> = {}) =>
      createOpenAiEmbedder({
        model: "openai/text-embedding-3-small",
        remoteModel: "text-embedding-3-small",
        apiKey: KEY,
        baseUrl: api.url,
        deadline: 10_000,
        backoff: 5,
        ...options,
      }),
    /** Runs `work` and returns its result or error, its requests and its milliseconds. */
    async observe<T>(work: () => Promise<T>) {
      const before = api.requests.length;
      const start = performance.now();
      const [result] = await Promise.allSettled([work()]);
      const error = result.status === "rejected" ? (result.reason as AppError) : undefined;
      const value = result.status === "fulfilled" ? result.value : undefined;
      return { value, error, requests: api.requests.slice(before), ms: performance.now() - start };
    },
  };
}
