import { AppError } from "../error.ts";
import type { ModelEvent } from "./chat-message.ts";
import type { ChatModelOptions } from "./chat-options.ts";
import { type ChunkContent, type FinishReason, readChunk } from "./completion-chunk.ts";
import { createReasoningFilter } from "./reasoning.ts";
import type { StartedCompletion } from "./start-completion.ts";
import { createToolCallCollector } from "./tool-calls.ts";

/** UTF-16 units of one answer's text without its reasoning. */
const MAX_TEXT_LENGTH = 1_000_000;

/** Milliseconds to wait for the usage or the end of the stream after the model has finished. */
const FINISH_TIMEOUT_MS = 2_000;

type ReadOptions = Required<Pick<ChatModelOptions, "idleTimeout" | "answerTimeout">>;

/** The events of a started answer. Throws `chat_failed` if it breaks off, pauses for too long, or is too long. */
export async function* readAnswer(started: StartedCompletion, options: ReadOptions): AsyncGenerator<ModelEvent> {
  const reasoning = createReasoningFilter();
  const calls = createToolCallCollector();
  let finish: FinishReason | undefined;
  let usage: ChunkContent["usage"];
  let length = 0;
  const isFinished = () => finish !== undefined;
  for await (const chunk of readChunks(started, { ...options, isFinished })) {
    finish = chunk.finish ?? finish;
    usage = chunk.usage ?? usage; // some servers send a running total with each chunk: the last one counts
    for (const call of chunk.calls) calls.add(call);
    const { text, restart } = reasoning.push(chunk.text);
    if (restart) yield { type: "restart" };
    if (text) yield { type: "text", text };
    length += text.length;
    if (length > MAX_TEXT_LENGTH)
      throw new AppError(
        "chat_failed",
        `The chat model's answer cannot be used: it is longer than ${MAX_TEXT_LENGTH} characters. Ask for a shorter one.`,
      );
  }
  const { text, restart, unclosed } = reasoning.end();
  if (restart) yield { type: "restart" };
  if (text) yield { type: "text", text };
  if (usage) yield { type: "usage", ...usage };
  if (!finish)
    throw new AppError(
      "chat_failed",
      "The chat model's answer is incomplete: the connection ended before the answer did. Ask again.",
    );
  const toolCalls = calls.end();
  if (toolCalls.length > 0) yield { type: "calls", calls: toolCalls };
  // Unclosed reasoning means that the answer was cut, even if the server reports `stop`.
  yield { type: "finish", reason: unclosed && finish === "stop" ? "length" : finish };
}

/** The chunks until the end of the stream. A failure after the model has finished is ignored: only the usage may be missing. */
async function* readChunks(
  { first, rest }: StartedCompletion,
  { idleTimeout, answerTimeout, isFinished }: ReadOptions & { readonly isFinished: () => boolean },
): AsyncGenerator<ChunkContent> {
  const end = performance.now() + answerTimeout;
  yield first;
  let finishDeadline = Number.POSITIVE_INFINITY;
  for (;;) {
    if (isFinished()) finishDeadline = Math.min(finishDeadline, performance.now() + FINISH_TIMEOUT_MS);
    const remaining = Math.min(end, finishDeadline) - performance.now();
    try {
      const { done, value } = await withTimeout(remaining, { idleTimeout, work: rest.next() });
      if (done || value.type === "done") return;
      if (value.type === "chunk") yield readChunk(value.value, value.event);
    } catch (error) {
      if (isFinished()) return;
      throw error;
    }
  }
}

async function withTimeout<T>(
  remaining: number,
  { idleTimeout, work }: { readonly idleTimeout: number; readonly work: Promise<T> },
): Promise<T> {
  const reason =
    remaining < idleTimeout ? "did not finish its answer in time" : "paused for too long within its answer";
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<never>((_, reject) => {
    const fail = () => reject(new AppError("chat_failed", `The chat model ${reason}. Ask again.`));
    timer = setTimeout(fail, Math.max(0, Math.min(remaining, idleTimeout)));
  });
  try {
    return await Promise.race([work, timedOut]);
  } finally {
    clearTimeout(timer);
  }
}
