import type { OpenAI } from "openai";
import type { FinishReason } from "./completion-chunk.ts";
import type { ToolCall } from "./tool-calls.ts";

export type ChatMessage = OpenAI.Chat.Completions.ChatCompletionMessageParam;
export type ChatTool = OpenAI.Chat.Completions.ChatCompletionTool;

/** One event of a model's answer. Tool calls, usage and the finish reason come last. */
export type ModelEvent =
  | { readonly type: "text"; readonly text: string }
  /** The text so far was reasoning. Discard it: the answer starts here. */
  | { readonly type: "restart" }
  | { readonly type: "calls"; readonly calls: readonly ToolCall[] }
  | { readonly type: "usage"; readonly inputTokens: number; readonly outputTokens: number }
  /** If there is no such event, the reason is `stop`. */
  | { readonly type: "finish"; readonly reason: FinishReason };

/** A chat model. */
export interface ChatModel {
  readonly model: string;
  /** Streams the answer. Throws `chat_failed`, `chat_quota` and the signal's reason. */
  stream(
    messages: readonly ChatMessage[],
    options: { readonly tools: readonly ChatTool[]; readonly signal?: AbortSignal },
  ): AsyncIterable<ModelEvent>;
}
