import { isObject } from "../embedding/server-error.ts";
import { AppError } from "../error.ts";
import type { RerankOutcome } from "../rerank/reranker.ts";
import type { ChatMessage } from "./chat-message.ts";
import { type FoundPassage, parseSearchInput, SEARCH_NAME, type SearchInput } from "./search-tool.ts";
import type { ToolCall } from "./tool-calls.ts";

/** A passage that the model has received, with the number by which the answer cites it. */
export interface NumberedPassage extends FoundPassage {
  readonly number: number;
}

export type Search = (input: SearchInput) => Promise<{
  readonly passages: readonly NumberedPassage[];
  readonly content: string;
  readonly rerank?: RerankOutcome;
}>;

/** The result of a tool call: the passages found, and the content of the tool message. `query` undefined: nothing was searched. */
export type CallOutcome = Awaited<ReturnType<Search>> & { readonly query: string | undefined };

/** Errors that the model caused. It receives the message and may correct its call. */
const CORRECTABLE_ERRORS = new Set(["invalid_filter", "invalid_input", "response_too_large"]);

/**
 * Runs a tool call of the model. An invalid call is answered with an error message, so that the model can correct it.
 * Throws the errors of `search` that the model did not cause.
 */
export async function answerCall(
  call: ToolCall,
  { search, isAllowed }: { readonly search: Search; readonly isAllowed: boolean },
): Promise<CallOutcome> {
  const reject = (content: string): CallOutcome => ({ query: undefined, passages: [], content });
  if (call.name !== SEARCH_NAME)
    return reject(`There is no tool ${JSON.stringify(call.name.slice(0, 100))}. Use the only tool, ${SEARCH_NAME}.`);
  if (!isAllowed)
    return reject(
      "No further search is possible: this answer has used all its searches. Answer from the passages you have.",
    );
  try {
    const { query_embedding, ...input } = parseSearchInput(call.arguments); // numbers that a model makes up are no embedding
    return { query: input.query, ...(await search(input)) };
  } catch (error) {
    if (error instanceof AppError && CORRECTABLE_ERRORS.has(error.code)) return reject(error.message);
    throw error;
  }
}

/** The calls, each with an id that is unique in the conversation. Some servers leave ids empty or use one twice. */
export function identifyCalls(calls: readonly ToolCall[], messages: readonly ChatMessage[]): readonly ToolCall[] {
  const usedIds = new Set(messages.flatMap((message) => (message.role === "tool" ? [message.tool_call_id] : [])));
  return calls.map((call) => {
    let { id } = call;
    for (let number = usedIds.size; id === "" || usedIds.has(id); number++) id = `call_${number}`;
    usedIds.add(id);
    return { ...call, id };
  });
}

/** The assistant message that holds the model's tool calls. Arguments that are not a JSON object become `{}`, because servers parse them again. */
export function callMessage(calls: readonly ToolCall[]): ChatMessage {
  return {
    role: "assistant",
    content: null,
    tool_calls: calls.map(({ id, name, arguments: args }) => ({
      id,
      type: "function",
      function: { name, arguments: isJsonObject(args) ? args : "{}" },
    })),
  };
}

function isJsonObject(text: string): boolean {
  try {
    return isObject(JSON.parse(text));
  } catch {
    return false;
  }
}
