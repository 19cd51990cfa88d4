import { AppError } from "../error.ts";
import type { ChatMessage } from "./chat-message.ts";
import { type FoundPassage, parseSearchInput, SEARCH_NAME, type SearchInput } from "./search-tool.ts";
import type { ToolCall } from "./tool-calls.ts";

/** A passage that the model was given, under the number by which the answer cites it. */
export interface NumberedPassage extends FoundPassage {
  readonly number: number;
}

export type Search = (
  input: SearchInput,
) => Promise<{ readonly passages: readonly NumberedPassage[]; readonly told: string }>;

/** What a call found, and what the model is told. `query` undefined: nothing was searched. */
export interface CallOutcome {
  readonly query: string | undefined;
  readonly passages: readonly NumberedPassage[];
  readonly told: string;
}

/** The model's own mistakes, which it is told and may correct. */
const MISTAKES = new Set(["invalid_filter", "invalid_input", "response_too_large"]);

/**
 * Answers a model's call of a tool. What it requested wrongly it is told with a hint, and may request better.
 * Throws what `search` throws for other reasons.
 */
export async function answerCall(
  call: ToolCall,
  { search, allowed }: { readonly search: Search; readonly allowed: boolean },
): Promise<CallOutcome> {
  const refuse = (told: string): CallOutcome => ({ query: undefined, passages: [], told });
  if (call.name !== SEARCH_NAME)
    return refuse(
      `There is no tool ${JSON.stringify(call.name.slice(0, 100))}. The only tool is ${SEARCH_NAME}.`,
    );
  if (!allowed)
    return refuse("No further search is possible for this answer. Answer from the passages you have.");
  try {
    const { query_embedding, ...input } = parseSearchInput(call.arguments); // a model's own numbers are nobody's vector
    return { query: input.query, ...(await search(input)) };
  } catch (error) {
    if (error instanceof AppError && MISTAKES.has(error.code)) return refuse(error.message);
    throw error;
  }
}

/** The calls, each with an id that the conversation does not have yet: servers leave ids empty, or use one twice. */
export function identifyCalls(
  calls: readonly ToolCall[],
  messages: readonly ChatMessage[],
): readonly ToolCall[] {
  const known = new Set(
    messages.flatMap((message) => (message.role === "tool" ? [message.tool_call_id] : [])),
  );
  return calls.map((call) => {
    let { id } = call;
    for (let number = known.size; id === "" || known.has(id); number++) id = `call_${number}`;
    known.add(id);
    return { ...call, id };
  });
}

/** The model's request of calls as a message. Arguments that are not JSON are left out: servers read them again. */
export function callMessage(calls: readonly ToolCall[]): ChatMessage {
  return {
    role: "assistant",
    content: null,
    tool_calls: calls.map(({ id, name, arguments: args }) => ({
      id,
      type: "function",
      function: { name, arguments: isObjectText(args) ? args : "{}" },
    })),
  };
}

function isObjectText(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
