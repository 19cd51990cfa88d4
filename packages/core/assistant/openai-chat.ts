import { OpenAI } from "openai";
import { explainFailure } from "../embedding/openai-fault.ts";
import { retry } from "../embedding/retry.ts";
import { AppError } from "../error.ts";
import type { ChatModel } from "./chat-message.ts";
import type { ChatModelOptions } from "./chat-options.ts";
import { readAnswer } from "./read-answer.ts";
import { type StartedCompletion, startCompletion, type UnsupportedFeatures } from "./start-completion.ts";

/** Streams answers of a server that speaks OpenAI's protocol. Failures before the first piece are retried. */
export function createAnswerStream(options: ChatModelOptions): ChatModel["stream"] {
  const { model, apiKey, baseUrl = "https://api.openai.com/v1" } = options;
  const { host } = new URL(baseUrl);
  const client = new OpenAI({
    apiKey,
    baseURL: baseUrl,
    organization: null,
    project: null,
    maxRetries: 0,
    logLevel: "off",
  });
  const unsupported: UnsupportedFeatures = { tools: false, streamOptions: false };
  return async function* stream(messages, { tools, signal }) {
    const texts = messages.flatMap(({ content }) => (typeof content === "string" ? [content] : []));
    const explain = (error: unknown, timedOut: boolean) =>
      explainFailure(error, { service: "chat", host, model, texts, apiKey, timedOut });
    const requestAbort = new AbortController(); // cancels the request itself, not only an attempt
    const cancel = () => requestAbort.abort(signal?.reason);
    signal?.addEventListener("abort", cancel);
    try {
      const started = await retry<StartedCompletion>(
        (attemptSignal) =>
          startCompletion(client, {
            model,
            messages,
            tools,
            unsupported,
            requestSignal: requestAbort.signal,
            attemptSignal,
          }),
        {
          deadline: performance.now() + (options.deadline ?? 20_000),
          attemptTimeout: options.attemptTimeout ?? 15_000,
          attempts: options.attempts ?? 3,
          backoff: options.backoff ?? 300,
          signal,
          explain,
          timeoutError: {
            code: "chat_failed",
            message: "The chat model did not start its answer within the time limit.",
          },
        },
      );
      const { idleTimeout = 15_000, answerTimeout = 120_000 } = options;
      yield* readAnswer(started, { idleTimeout, answerTimeout });
    } catch (error) {
      signal?.throwIfAborted();
      const fault = explain(error, false);
      throw fault ? new AppError(fault.code, fault.message, { cause: fault.cause }) : error;
    } finally {
      signal?.removeEventListener("abort", cancel);
      requestAbort.abort();
    }
  };
}
