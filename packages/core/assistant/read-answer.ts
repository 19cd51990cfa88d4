import { AppError } from "../error.ts";
import type { Begun } from "./begin-completion.ts";
import type { ModelEvent } from "./chat-message.ts";
import { type ChunkContent, type FinishReason, readChunk } from "./completion-chunk.ts";
import { createReasoningFilter } from "./reasoning.ts";
import { createToolCallCollector } from "./tool-calls.ts";

/** UTF-16 units of one answer's text, without its reasoning. */
const MAX_TEXT_LENGTH = 1_000_000;

/** Milliseconds to wait for the usage, or for the end of the stream, when the model has finished. */
const AFTER_FINISH_MS = 2_000;

interface ReadOptions {
  readonly silence: number;
  readonly answerTimeout: number;
}

/** The events of an answer that has begun. Throws `chat_failed` where it breaks off, falls silent, or is too long. */
export async function* readAnswer({ first, rest }: Begun, options: ReadOptions): AsyncGenerator<ModelEvent> {
  const reasoning = createReasoningFilter();
  const calls = createToolCallCollector();
  let finish: FinishReason | undefined;
  let usage: ChunkContent["usage"];
  let length = 0;
  for await (const chunk of chunks({ first, rest }, { ...options, finished: () => finish !== undefined })) {
    finish = chunk.finish ?? finish;
    usage = chunk.usage ?? usage; // some servers tell it with every piece, as it grows: the last is the whole
    for (const call of chunk.calls) calls.add(call);
    const { text, restart } = reasoning.push(chunk.text);
    if (restart) yield { type: "restart" };
    if (text) yield { type: "text", text };
    length += text.length;
    if (length > MAX_TEXT_LENGTH)
      throw new AppError(
        "chat_failed",
        `The chat model's answer is longer than ${MAX_TEXT_LENGTH} characters. Ask for a shorter one.`,
      );
  }
  const { text, restart, unclosed } = reasoning.end();
  if (restart) yield { type: "restart" };
  if (text) yield { type: "text", text };
  if (usage) yield { type: "usage", ...usage };
  if (!finish)
    throw new AppError("chat_failed", "The chat model's answer broke off before its end. Ask again.");
  const asked = calls.end();
  if (asked.length > 0) yield { type: "calls", calls: asked };
  // Reasoning that has no end was cut, whatever the server says.
  yield { type: "finish", reason: unclosed && finish === "stop" ? "length" : finish };
}

/** The chunks until the end of the stream. What fails when the model has finished costs no more than the usage. */
async function* chunks(
  { first, rest }: Begun,
  { silence, answerTimeout, finished }: ReadOptions & { readonly finished: () => boolean },
): AsyncGenerator<ChunkContent> {
  const end = performance.now() + answerTimeout;
  yield first;
  const grace = { until: Number.POSITIVE_INFINITY };
  for (;;) {
    if (finished()) grace.until = Math.min(grace.until, performance.now() + AFTER_FINISH_MS);
    const left = Math.min(end, grace.until) - performance.now();
    try {
      const { done, value } = await within(left, { silence, work: rest.next() });
      if (done || value.type === "done") return;
      if (value.type === "chunk") yield readChunk(value.value, value.event);
    } catch (error) {
      if (finished()) return;
      throw error;
    }
  }
}

async function within<T>(
  left: number,
  { silence, work }: { readonly silence: number; readonly work: Promise<T> },
): Promise<T> {
  const why = left < silence ? "took too long for its answer" : "fell silent within its answer";
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    const fail = () => reject(new AppError("chat_failed", `The chat model ${why}. Ask again.`));
    timer = setTimeout(fail, Math.max(0, Math.min(left, silence)));
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}
