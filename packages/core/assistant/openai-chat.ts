import type { OpenAI } from "openai";
import { explainFailure } from "../embedding/openai-fault.ts";
import { retry } from "../embedding/retry.ts";
import { AppError } from "../error.ts";
import { type Begun, beginCompletion, type Dialect } from "./begin-completion.ts";
import type { ChatModel } from "./chat-message.ts";
import type { ChatModelOptions } from "./chat-options.ts";
import { readAnswer } from "./read-answer.ts";

/** The answers of a server that speaks OpenAI's protocol. What fails before the first piece is retried. */
export function createAnswerStream(options: ChatModelOptions): ChatModel["stream"] {
  const { model, apiKey, baseUrl = "https://api.openai.com/v1" } = options;
  const { host } = new URL(baseUrl);
  const loadClient = createClientLoader(apiKey, baseUrl);
  const dialect: Dialect = { refusesTools: false, refusesStreamOptions: false };
  return async function* stream(messages, { tools, signal }) {
    const client = await loadClient();
    const texts = messages.flatMap(({ content }) => (typeof content === "string" ? [content] : []));
    const explain = (error: unknown, timedOut: boolean) =>
      explainFailure(error, { service: "chat", host, model, texts, apiKey, timedOut });
    const ended = new AbortController(); // ends the request itself, not an attempt to begin it
    const stop = () => ended.abort(signal?.reason);
    signal?.addEventListener("abort", stop);
    try {
      const begun = await retry<Begun>(
        (attempt) =>
          beginCompletion(client, { model, messages, tools, dialect, ended: ended.signal, attempt }),
        {
          deadline: performance.now() + (options.deadline ?? 20_000),
          attemptTimeout: options.attemptTimeout ?? 15_000,
          attempts: options.attempts ?? 3,
          backoff: options.backoff ?? 300,
          signal,
          explain,
          overdue: { code: "chat_failed", message: "The time allowed for the chat model is over." },
        },
      );
      const { silence = 15_000, answerTimeout = 120_000 } = options;
      yield* readAnswer(begun, { silence, answerTimeout });
    } catch (error) {
      signal?.throwIfAborted();
      const fault = explain(error, false);
      throw fault ? new AppError(fault.code, fault.message, { cause: fault.cause }) : error;
    } finally {
      signal?.removeEventListener("abort", stop);
      ended.abort();
    }
  };
}

function createClientLoader(apiKey: string, baseURL: string): () => Promise<OpenAI> {
  let loading: Promise<OpenAI> | undefined;
  return () => {
    loading ??= import("openai").then(
      ({ OpenAI }) =>
        new OpenAI({ apiKey, baseURL, organization: null, project: null, maxRetries: 0, logLevel: "off" }),
    );
    return loading;
  };
}
