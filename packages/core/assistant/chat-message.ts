import type { OpenAI } from "openai";
import type { FinishReason } from "./completion-chunk.ts";
import type { ToolCall } from "./tool-calls.ts";

export type ChatMessage = OpenAI.Chat.Completions.ChatCompletionMessageParam;
export type ChatTool = OpenAI.Chat.Completions.ChatCompletionTool;

/** What a model says, piece by piece. The calls of tools, the usage and the reason of its end come last. */
export type ModelEvent =
  | { readonly type: "text"; readonly text: string }
  /** The text so far was reasoning: the model's answer begins again. */
  | { readonly type: "restart" }
  | { readonly type: "calls"; readonly calls: readonly ToolCall[] }
  | { readonly type: "usage"; readonly inputTokens: number; readonly outputTokens: number }
  /** Where it is missing, the model has finished. */
  | { readonly type: "finish"; readonly reason: FinishReason };

/** A model that answers in a conversation. */
export interface ChatModel {
  readonly model: string;
  /** Throws `chat_failed`, `chat_quota`, and the signal's own reason. */
  stream(
    messages: readonly ChatMessage[],
    options: { readonly tools: readonly ChatTool[]; readonly signal?: AbortSignal },
  ): AsyncIterable<ModelEvent>;
}
