import type { OpenAI } from "openai";
import { BrokenReply } from "../embedding/openai-reply.ts";
import { AppError } from "../error.ts";
import type { ChatMessage, ChatTool } from "./chat-message.ts";
import { type ChunkContent, readChunk } from "./completion-chunk.ts";
import { type Received, readCompletion } from "./completion-stream.ts";

/** What a server was seen to refuse, and is not sent again. */
export interface Dialect {
  refusesTools: boolean;
  refusesStreamOptions: boolean;
}

/** An answer that has begun: its first chunk, and what is still to come. */
export interface Begun {
  readonly first: ChunkContent;
  readonly rest: AsyncIterator<Received>;
}

interface BeginOptions {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ChatTool[];
  readonly dialect: Dialect;
  /** Ends the request, also when its answer has begun. */
  readonly ended: AbortSignal;
  /** Ends the attempt to begin it. */
  readonly attempt: AbortSignal;
}

/** Sends the request and waits for the first chunk: until then nothing has been shown, and it can be sent again. */
export async function beginCompletion(client: OpenAI, options: BeginOptions): Promise<Begun> {
  const { ended, attempt } = options;
  const request = new AbortController();
  const abort = () => request.abort();
  attempt.addEventListener("abort", abort);
  ended.addEventListener("abort", abort, { once: true });
  try {
    attempt.throwIfAborted();
    const response = await send(client, options, request.signal);
    if (!response.body) throw new BrokenReply("it has no body");
    const rest = readCompletion(response.body);
    for (;;) {
      const { done, value } = await rest.next();
      if (done || value.type === "done") throw new BrokenReply("it is empty");
      if (value.type === "chunk") return { first: readChunk(value.value, value.event), rest };
    }
  } catch (error) {
    request.abort();
    throw error;
  } finally {
    attempt.removeEventListener("abort", abort); // an answer that has begun may take longer
  }
}

/** Sends the request; again without what the server says it does not know: tools, or the request for usage. */
async function send(client: OpenAI, options: BeginOptions, signal: AbortSignal): Promise<Response> {
  const { dialect } = options;
  for (;;) {
    try {
      return await client.chat.completions.create(requestOf(options), { signal }).asResponse();
    } catch (error) {
      const refused = refusedField(error);
      if (!refused || dialect[refused]) throw error;
      dialect[refused] = true;
    }
  }
}

function requestOf({
  model,
  messages,
  tools,
  dialect,
}: BeginOptions): OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming {
  const withTools = tools.length > 0 && !dialect.refusesTools;
  return {
    model,
    messages: dialect.refusesTools ? withoutTools(messages) : [...messages],
    ...(withTools ? { tools: [...tools] } : {}),
    stream: true,
    ...(dialect.refusesStreamOptions ? {} : { stream_options: { include_usage: true } }),
  };
}

/** Which field a server does not know, by its own words: Ollama says of a model that it "does not support tools". */
function refusedField(error: unknown): keyof Dialect | undefined {
  if (!(error instanceof Error) || !("status" in error)) return undefined;
  if (![400, 404, 422, 501].includes(Number(error.status))) return undefined;
  const words = `${error.message} ${JSON.stringify("error" in error ? error.error : "")}`.slice(0, 10_000);
  if (!/support|enable|require|permit|allow|unknown|unrecogni|unexpected|extra/i.test(words))
    return undefined;
  if (/stream_options|include_usage/i.test(words)) return "refusesStreamOptions";
  return /\btool(s|_choice|_calls| use| call)?\b|function call/i.test(words) ? "refusesTools" : undefined;
}

/** The conversation with what the tool returned as text of the question before it, for a server that knows no tools. */
function withoutTools(messages: readonly ChatMessage[]): ChatMessage[] {
  const plain: ChatMessage[] = [];
  for (const message of messages) {
    if (message.role === "assistant" && message.tool_calls) continue;
    const last = plain.at(-1);
    if (message.role !== "tool") plain.push(message);
    else if (last?.role === "user")
      plain[plain.length - 1] = {
        role: "user",
        content: `${last.content}\n\nThe tool search returned:\n${message.content}`,
      };
    else throw new AppError("chat_failed", "The result of a tool follows no question.");
  }
  return plain;
}
