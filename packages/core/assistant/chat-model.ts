import type { OpenAI } from "openai";
import { explainFailure } from "../embedding/openai-fault.ts";
import { retry } from "../embedding/retry.ts";
import { AppError } from "../error.ts";

export type ChatMessage = OpenAI.Chat.Completions.ChatCompletionMessageParam;
export type ChatTool = OpenAI.Chat.Completions.ChatCompletionTool;

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON as the model wrote it. */
  readonly arguments: string;
}

/** What a model says, piece by piece; what it took and the calls of tools come at the end. */
export type ModelEvent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "calls"; readonly calls: readonly ToolCall[] }
  | { readonly type: "usage"; readonly inputTokens: number; readonly outputTokens: number };

/** A model that answers in a conversation. */
export interface ChatModel {
  readonly model: string;
  /** Throws `chat_failed`, `chat_quota`, and the signal's own reason. */
  stream(
    messages: readonly ChatMessage[],
    options: { readonly tools: readonly ChatTool[]; readonly signal?: AbortSignal },
  ): AsyncIterable<ModelEvent>;
}

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
  /** Default 3. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt. Default 300. */
  readonly backoff?: number;
}

/** A chat model over any server that speaks OpenAI's protocol. What fails before the first piece is tried again. */
export function createChatModel(options: ChatModelOptions): ChatModel {
  const { model, apiKey, baseUrl = "https://api.openai.com/v1" } = options;
  const { host } = new URL(baseUrl);
  let loading: Promise<OpenAI> | undefined;
  return {
    model,
    async *stream(messages, { tools, signal }) {
      loading ??= import("openai").then(
        ({ OpenAI }) =>
          new OpenAI({
            apiKey,
            baseURL: baseUrl,
            organization: null,
            project: null,
            maxRetries: 0,
            logLevel: "off",
          }),
      );
      const client = await loading;
      const texts = messages.flatMap(({ content }) => (typeof content === "string" ? [content] : []));
      const explain = (error: unknown, timedOut: boolean) =>
        explainFailure(error, { service: "chat", host, model, texts, apiKey, timedOut });
      const ended = new AbortController(); // ends the request itself, not an attempt to begin it
      const stop = () => ended.abort(signal?.reason);
      signal?.addEventListener("abort", stop);
      try {
        const pieces = await retry(
          (attempt) =>
            begin(client, { model, messages, tools, signal: AbortSignal.any([ended.signal, attempt]) }),
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
        yield* read(pieces, options.silence ?? 15_000);
      } catch (error) {
        signal?.throwIfAborted();
        const fault = explain(error, false);
        throw fault ? new AppError(fault.code, fault.message, { cause: fault.cause }) : error;
      } finally {
        signal?.removeEventListener("abort", stop);
        ended.abort();
      }
    },
  };
}

type Chunk = OpenAI.Chat.Completions.ChatCompletionChunk;

interface Begun {
  readonly first: IteratorResult<Chunk>;
  readonly rest: AsyncIterator<Chunk>;
}

/** Sends the request and waits for the first piece: until then nothing has been shown, and it can be sent again. */
async function begin(
  client: OpenAI,
  {
    model,
    messages,
    tools,
    signal,
  }: {
    readonly model: string;
    readonly messages: readonly ChatMessage[];
    readonly tools: readonly ChatTool[];
    readonly signal: AbortSignal;
  },
): Promise<Begun> {
  const stream = await client.chat.completions.create(
    {
      model,
      messages: [...messages],
      ...(tools.length > 0 ? { tools: [...tools] } : {}),
      stream: true,
      stream_options: { include_usage: true },
    },
    { signal },
  );
  const rest = stream[Symbol.asyncIterator]();
  const first = await rest.next();
  if (first.done) throw new AppError("chat_failed", "The chat model answered with nothing.");
  return { first, rest };
}

async function* read({ first, rest }: Begun, silence: number): AsyncGenerator<ModelEvent> {
  const calls = new Map<number, { id: string; name: string; arguments: string }>();
  let finished = false;
  let usage: OpenAI.CompletionUsage | undefined;
  for (let next = first; !next.done; next = await within(silence, rest.next())) {
    usage = next.value.usage ?? usage; // some servers tell it with every piece, as it grows: the last is the whole
    const [choice] = next.value.choices ?? [];
    if (!choice) continue;
    if (choice.finish_reason) finished = true;
    if (choice.delta?.content) yield { type: "text", text: choice.delta.content };
    for (const { index, id, function: called } of choice.delta?.tool_calls ?? []) {
      const call = calls.get(index) ?? { id: "", name: "", arguments: "" };
      calls.set(index, call);
      if (id) call.id = id;
      call.name += called?.name ?? "";
      call.arguments += called?.arguments ?? "";
    }
  }
  if (usage)
    yield {
      type: "usage",
      inputTokens: usage.prompt_tokens ?? 0,
      outputTokens: usage.completion_tokens ?? 0,
    };
  if (!finished)
    throw new AppError("chat_failed", "The chat model's answer broke off before its end. Ask again.");
  if (calls.size > 0) yield { type: "calls", calls: [...calls.values()] };
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silent = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new AppError("chat_failed", "The chat model fell silent within its answer. Ask again.")),
      milliseconds,
    );
  });
  try {
    return await Promise.race([work, silent]);
  } finally {
    clearTimeout(timer);
  }
}
