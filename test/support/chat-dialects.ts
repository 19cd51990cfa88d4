// Differences of real servers from OpenAI's chat completions.

/** Differences around the chunks of a stream. */
export interface WireDialect {
  /**
   * `crlf`: lines end with CRLF. `comments`: keep-alive comments between events. `no_done`: the connection ends without
   * `[DONE]`. `open`: the connection stays open. `unstreamed`: one JSON document, although a stream was requested.
   */
  readonly wire?: readonly ("crlf" | "comments" | "no_done" | "open" | "unstreamed")[];
}

/** Differences in the format of a text. */
export interface TextDialect {
  /** `growing`: every piece has the usage so far. `missing`: no usage. */
  readonly usage?: "growing" | "missing";
  /** `parts`: content is a list of parts. */
  readonly content?: "parts";
  /** Reasoning before the text, in a separate field or as parts of type `thinking` (Mistral). */
  readonly reasoning?: {
    readonly pieces: readonly string[];
    readonly as: "reasoning_content" | "reasoning" | "parts";
  };
  /** Default `stop`. */
  readonly finish?: string;
}

/**
 * Differences in the format of a tool call. `no_index`: pieces without an index. `zero_index`: index 0 for all calls, each
 * in one piece (Gemini). `zero_index_pieces`: index 0 for all calls, in pieces. `repeated_names`: the name in every piece.
 * `piece_ids`: another id in every piece (vLLM). `object_arguments`: arguments as an object, not as JSON text (Ollama).
 * `empty_ids`: empty ids. `no_ids`: neither ids nor indexes, each call in one piece. `legacy`: `function_call`.
 * `repeated_calls`: the complete calls again at the end.
 */
export type CallDialect =
  | "no_index"
  | "zero_index"
  | "zero_index_pieces"
  | "repeated_names"
  | "piece_ids"
  | "object_arguments"
  | "empty_ids"
  | "no_ids"
  | "legacy"
  | "repeated_calls";

interface Call {
  readonly name: string;
  readonly arguments: string;
}

interface Text extends TextDialect {
  readonly pieces: readonly string[];
}

const parts = (text: string, content: TextDialect["content"]) =>
  content === "parts" ? [{ type: "text", text }] : text;

const thinking = (text: string) => [{ type: "thinking", thinking: [{ type: "text", text }] }];

/** Stream deltas of a text. */
export function textDeltas({ pieces, content, reasoning }: Text): readonly object[] {
  const thoughts = (reasoning?.pieces ?? []).map((piece) =>
    reasoning?.as === "parts" ? { content: thinking(piece) } : { content: null, [reasoning?.as as string]: piece },
  );
  return [...thoughts, ...pieces.map((piece) => ({ content: parts(piece, content) }))];
}

/** A text as a complete message. */
export function completeText({ pieces, content, reasoning }: Text): object {
  const text = parts(pieces.join(""), content);
  const thought = reasoning?.pieces.join("") ?? "";
  if (reasoning?.as === "parts") return { content: [...thinking(thought), { type: "text", text: pieces.join("") }] };
  return reasoning ? { content: text, [reasoning.as]: thought } : { content: text };
}

/** Stream deltas of tool calls. By default each call has two pieces, the second without id and name. */
export function callDeltas(calls: readonly Call[], dialect: CallDialect | undefined): readonly object[] {
  const deltas = calls.flatMap((call, index) => deltasOf(call, { index, dialect }));
  const wrapped = deltas.map((delta) => ("function_call" in delta ? delta : { tool_calls: [delta] }));
  return dialect === "repeated_calls" ? [...wrapped, completeCalls(calls, undefined)] : wrapped;
}

function deltasOf(
  { name, arguments: args }: Call,
  { index, dialect }: { readonly index: number; readonly dialect: CallDialect | undefined },
): readonly object[] {
  const id = `call_${index}`;
  const middle = args.length >> 1;
  const [start, rest] = [args.slice(0, middle), args.slice(middle)];
  const type = "function";
  const head = { index, id, type, function: { name, arguments: start } };
  switch (dialect) {
    case "no_index":
      return [{ id, type, function: { name, arguments: start } }, { function: { arguments: rest } }];
    case "zero_index":
      return [{ index: 0, id, type, function: { name, arguments: args } }];
    case "zero_index_pieces":
      return [
        { index: 0, id, type, function: { name, arguments: "" } },
        { index: 0, function: { arguments: start } },
        { index: 0, function: { arguments: rest } },
      ];
    case "repeated_names":
      return [
        head,
        { index, id, type, function: { name, arguments: rest } },
        { index, function: { name, arguments: "" } },
      ];
    case "piece_ids":
      return [head, { index, id: `${id}_${index}_rest`, type, function: { arguments: rest } }];
    case "object_arguments":
      return [{ index, id, type, function: { name, arguments: JSON.parse(args) } }];
    case "empty_ids":
      return [
        { ...head, id: "" },
        { index, id: "", function: { name: "", arguments: rest } },
      ];
    case "no_ids":
      return [{ type, function: { name, arguments: args } }];
    case "legacy":
      return [{ function_call: { name, arguments: start } }, { function_call: { arguments: rest } }];
    default:
      return [head, { index, function: { arguments: rest } }];
  }
}

/** Tool calls as a complete message. */
export function completeCalls(calls: readonly Call[], dialect: CallDialect | undefined): object {
  if (dialect === "legacy") return { function_call: calls[0] };
  const tools = calls.map((call, index) => ({
    ...(dialect === "no_ids" ? {} : { id: dialect === "empty_ids" ? "" : `call_${index}` }),
    type: "function",
    function: dialect === "object_arguments" ? { ...call, arguments: JSON.parse(call.arguments) } : call,
  }));
  return { tool_calls: tools };
}
