import { stringifyJson } from "../database/json.ts";
import { BrokenReply } from "../embedding/openai-reply.ts";

/** Why a model ended its answer: it had finished, at its limit of tokens, or cut by the server's content filter. */
export type FinishReason = "stop" | "length" | "content_filter";

/** A piece of a tool call, as a stream brings it. */
export interface CallPiece {
  /** Undefined: the server leaves it out. */
  readonly index: number | undefined;
  /** Empty: the server leaves it out. */
  readonly id: string;
  readonly name: string;
  /** JSON, or a part of it. */
  readonly arguments: string;
}

/** What one chunk of a chat completion says, whichever dialect the server speaks. */
export interface ChunkContent {
  readonly text: string;
  readonly calls: readonly CallPiece[];
  readonly finish: FinishReason | undefined;
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | undefined;
}

/** A failure that a server reports within an answer of status 200. Structural: `explainFailure` reads these fields. */
class ReportedError extends Error {
  readonly status: number;
  readonly headers = undefined;
  readonly error: { readonly message: string };
  readonly code: unknown;
  readonly type: unknown;

  constructor(message: string, { status, code, type }: { status: number; code?: unknown; type?: unknown }) {
    super("the chat server reported an error");
    this.status = status;
    this.error = { message };
    this.code = code;
    this.type = type;
  }
}

/**
 * The content of a chunk: `delta` of a stream or `message` of a whole answer, text as a string or as a list of parts,
 * without reasoning that the server keeps apart. Throws ReportedError where the chunk is an error, BrokenReply where it
 * is no chunk at all.
 */
export function readChunk(value: unknown, event?: string): ChunkContent {
  if (!isObject(value)) throw new BrokenReply("a piece of it is not a JSON object");
  const reported = findError(value, event);
  if (reported) throw reported;
  const choices = Array.isArray(value.choices) ? value.choices.filter(isObject) : [];
  const choice = choices.find(({ index }) => Number(index ?? 0) === 0) ?? {};
  const message = [choice.delta, choice.message].find(isObject) ?? {};
  return {
    text: textOf(message.content) + (typeof message.refusal === "string" ? message.refusal : ""),
    calls: callsOf(message),
    finish: finishOf(choice.finish_reason),
    usage: usageOf(value.usage),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Source: the error bodies of OpenAI, OpenRouter (`code` is a status), FastAPI (`detail`), Ollama and llama.cpp. */
function findError(value: Fields, event: string | undefined): ReportedError | undefined {
  const choice = Array.isArray(value.choices) ? value.choices.find(isObject) : undefined;
  const error = value.error || choice?.error || (choice?.finish_reason === "error" ? "it failed" : undefined);
  const bare =
    !error && choice === undefined && (event === "error" || value.object === "error" || saysError(value));
  if (!error && !bare) return undefined;
  const about = isObject(error) ? error : bare ? value : {};
  const { code, type } = about;
  return new ReportedError(wordsOf(error || value) || "an error that it does not describe", {
    status: statusOf(about),
    code,
    type,
  });
}

function saysError(value: Fields): boolean {
  return (
    !value.usage &&
    (typeof value.message === "string" || (value.detail !== undefined && value.detail !== null))
  );
}

function wordsOf(error: unknown): string {
  if (typeof error === "string") return error;
  if (Array.isArray(error)) return error.map(wordsOf).filter(Boolean).join("; ");
  if (!isObject(error)) return "";
  return (
    [error.message, error.detail, error.msg, error.error].map(wordsOf).find((words) => words !== "") ?? ""
  );
}

/** A status that the error names by number; 500, which is worth another attempt, where its type says as much. */
function statusOf({ code, status, type }: Fields): number {
  const named = [code, status].map(Number).find((number) => number >= 400 && number < 600);
  if (named !== undefined) return named;
  return /server_error|overload|unavailable|internal|timeout/i.test(`${type} ${code}`) ? 500 : 200;
}

/** Parts that hold no text of the answer. */
const REASONING = /reason|think|thought/i;

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return content.map(textOf).join("");
  if (!isObject(content) || REASONING.test(String(content.type ?? ""))) return "";
  if (content.thought === true) return ""; // Gemini marks its thoughts so
  return textOf(content.text ?? content.value ?? content.refusal);
}

function callsOf(message: Fields): readonly CallPiece[] {
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isObject) : [];
  const legacy = isObject(message.function_call) ? [{ function: message.function_call }] : [];
  return [...calls, ...legacy].map((call: Fields) => {
    const called = isObject(call.function) ? call.function : call;
    const index = call.index === undefined || call.index === null ? Number.NaN : Number(call.index);
    return {
      index: Number.isInteger(index) ? index : undefined,
      id: typeof call.id === "string" || typeof call.id === "number" ? String(call.id) : "",
      name: typeof called.name === "string" ? called.name : "",
      arguments: argumentsOf(called.arguments),
    };
  });
}

function argumentsOf(given: unknown): string {
  if (typeof given === "string") return given;
  return given === undefined || given === null ? "" : stringifyJson(given);
}

function finishOf(reason: unknown): FinishReason | undefined {
  if (typeof reason !== "string" || reason === "" || reason === "null") return undefined;
  const name = reason.toLowerCase();
  if (/length|max_?(output_?)?tokens/.test(name)) return "length";
  return /content_filter|safety|recitation|blocklist|prohibited|sensitive/.test(name)
    ? "content_filter"
    : "stop";
}

function usageOf(usage: unknown): ChunkContent["usage"] {
  if (!isObject(usage)) return undefined;
  return {
    inputTokens: count(usage.prompt_tokens ?? usage.input_tokens),
    outputTokens: count(usage.completion_tokens ?? usage.output_tokens),
  };
}

function count(tokens: unknown): number {
  const number = Number(tokens ?? 0);
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}
