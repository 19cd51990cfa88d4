// How servers differ from OpenAI's own chat completions, each as one was seen to.

/** In what is said around the chunks of a stream. */
export interface WireDialect {
  /**
   * `crlf`: lines end so. `comments`: keep-alives between the events. `no_done`: the connection ends without `[DONE]`.
   * `open`: nothing ends, the connection stays. `unstreamed`: one JSON document, although a stream was requested.
   */
  readonly wire?: readonly ("crlf" | "comments" | "no_done" | "open" | "unstreamed")[];
}

/** In how a text is written. */
export interface TextDialect {
  /** `growing`: the usage so far comes with every piece. `missing`: never. */
  readonly usage?: "growing" | "missing";
  /** `parts`: as a list of parts. */
  readonly content?: "parts";
  /** Reasoning before the text, in a field of its own or as parts of type `thinking` (Mistral). */
  readonly reasoning?: {
    readonly pieces: readonly string[];
    readonly as: "reasoning_content" | "reasoning" | "parts";
  };
  /** Default `stop`. */
  readonly finish?: string;
}

/**
 * In how a call of a tool is written. `no_index`: pieces without it. `zero_index`: 0 for all calls, each whole (Gemini).
 * `zero_index_pieces`: 0 for all, in pieces. `repeated_names`: the name in every piece. `piece_ids`: an id of its own for
 * every piece (vLLM). `object_arguments`: an object, not its JSON (Ollama). `empty_ids`: ids of no characters.
 * `no_ids`: neither ids nor indexes, each call whole. `legacy`: `function_call`. `repeated_calls`: all of it once more.
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

/** A text as a stream brings it. */
export function textDeltas({ pieces, content, reasoning }: Text): readonly object[] {
  const thoughts = (reasoning?.pieces ?? []).map((piece) =>
    reasoning?.as === "parts"
      ? { content: thinking(piece) }
      : { content: null, [reasoning?.as as string]: piece },
  );
  return [...thoughts, ...pieces.map((piece) => ({ content: parts(piece, content) }))];
}

/** A text in one piece. */
export function wholeText({ pieces, content, reasoning }: Text): object {
  const text = parts(pieces.join(""), content);
  const thought = reasoning?.pieces.join("") ?? "";
  if (reasoning?.as === "parts")
    return { content: [...thinking(thought), { type: "text", text: pieces.join("") }] };
  return reasoning ? { content: text, [reasoning.as]: thought } : { content: text };
}

/** Calls of tools as a stream brings them: by the protocol in two pieces each, the second without id and name. */
export function callDeltas(calls: readonly Call[], dialect: CallDialect | undefined): readonly object[] {
  const deltas = calls.flatMap((call, index) => deltasOf(call, { index, dialect }));
  const wrapped = deltas.map((delta) => ("function_call" in delta ? delta : { tool_calls: [delta] }));
  return dialect === "repeated_calls" ? [...wrapped, wholeCalls(calls, undefined)] : wrapped;
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

/** Calls of tools in one piece. */
export function wholeCalls(calls: readonly Call[], dialect: CallDialect | undefined): object {
  if (dialect === "legacy") return { function_call: calls[0] };
  const tools = calls.map((call, index) => ({
    ...(dialect === "no_ids" ? {} : { id: dialect === "empty_ids" ? "" : `call_${index}` }),
    type: "function",
    function: dialect === "object_arguments" ? { ...call, arguments: JSON.parse(call.arguments) } : call,
  }));
  return { tool_calls: tools };
}
