import type { OpenAI } from "openai";
import { InvalidReplyError } from "../embedding/openai-reply.ts";
import { AppError } from "../error.ts";
import type { ChatMessage, ChatTool } from "./chat-message.ts";
import { type ChunkContent, readChunk } from "./completion-chunk.ts";
import { readCompletion, type StreamItem } from "./completion-stream.ts";

/** Features that the server has rejected. Later requests leave them out. */
export interface UnsupportedFeatures {
  tools: boolean;
  streamOptions: boolean;
}

/** An answer that has started: its first chunk and the rest of the stream. */
export interface StartedCompletion {
  readonly first: ChunkContent;
  readonly rest: AsyncIterator<StreamItem>;
}

interface StartOptions {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ChatTool[];
  readonly unsupported: UnsupportedFeatures;
  /** Cancels the request, also after the answer has started. */
  readonly requestSignal: AbortSignal;
  /** Cancels the attempt until the answer has started. */
  readonly attemptSignal: AbortSignal;
}

/** Sends the request and waits for the first chunk. Before that chunk nothing has reached the user, so the request can be retried. */
export async function startCompletion(client: OpenAI, options: StartOptions): Promise<StartedCompletion> {
  const { requestSignal, attemptSignal } = options;
  const request = new AbortController();
  const abort = () => request.abort();
  attemptSignal.addEventListener("abort", abort);
  requestSignal.addEventListener("abort", abort, { once: true });
  try {
    attemptSignal.throwIfAborted();
    const response = await send(client, options, request.signal);
    if (!response.body) throw new InvalidReplyError("it has no body");
    const rest = readCompletion(response.body);
    for (;;) {
      const { done, value } = await rest.next();
      if (done || value.type === "done") throw new InvalidReplyError("it is empty");
      if (value.type === "chunk") return { first: readChunk(value.value, value.event), rest };
    }
  } catch (error) {
    request.abort();
    throw error;
  } finally {
    attemptSignal.removeEventListener("abort", abort); // the timeout of an attempt does not apply to a started answer
  }
}

/** Sends the request. If the server does not support tools or `stream_options`, sends it again without them. */
async function send(client: OpenAI, options: StartOptions, signal: AbortSignal): Promise<Response> {
  const { unsupported } = options;
  for (;;) {
    try {
      return await client.chat.completions.create(buildRequest(options), { signal }).asResponse();
    } catch (error) {
      const feature = findUnsupported(error);
      if (!feature || unsupported[feature]) throw error;
      unsupported[feature] = true;
    }
  }
}

function buildRequest({
  model,
  messages,
  tools,
  unsupported,
}: StartOptions): OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming {
  const withTools = tools.length > 0 && !unsupported.tools;
  return {
    model,
    messages: unsupported.tools ? withoutTools(messages) : [...messages],
    ...(withTools ? { tools: [...tools] } : {}),
    stream: true,
    ...(unsupported.streamOptions ? {} : { stream_options: { include_usage: true } }),
  };
}

/** The feature that the server reports as unsupported. Ollama says that a model "does not support tools". */
function findUnsupported(error: unknown): keyof UnsupportedFeatures | undefined {
  if (!(error instanceof Error) || !("status" in error)) return undefined;
  if (![400, 404, 422, 501].includes(Number(error.status))) return undefined;
  const message = `${error.message} ${JSON.stringify("error" in error ? error.error : "")}`.slice(0, 10_000);
  if (!/support|enable|require|permit|allow|unknown|unrecogni|unexpected|extra/i.test(message)) return undefined;
  if (/stream_options|include_usage/i.test(message)) return "streamOptions";
  return /\btool(s|_choice|_calls| use| call)?\b|function call/i.test(message) ? "tools" : undefined;
}

/** The conversation for a server without tools: each tool result is appended to the question before it. */
function withoutTools(messages: readonly ChatMessage[]): ChatMessage[] {
  const result: ChatMessage[] = [];
  for (const message of messages) {
    if (message.role === "assistant" && message.tool_calls) continue;
    const last = result.at(-1);
    if (message.role !== "tool") result.push(message);
    else if (last?.role === "user")
      result[result.length - 1] = {
        role: "user",
        content: `${last.content}\n\nThe tool search returned:\n${message.content}`,
      };
    else
      throw new AppError(
        "chat_failed",
        "The conversation cannot be sent without tools: a tool result has no question before it.",
      );
  }
  return result;
}
