import { stringifyJson } from "../database/json.ts";
import { ErrorReply, InvalidReplyError } from "../embedding/openai-reply.ts";
import { isObject } from "../embedding/server-error.ts";

/** Why the answer ended: it is complete, it reached the token limit, or the server's content filter cut it. */
export type FinishReason = "stop" | "length" | "content_filter";

/** A piece of a tool call in a stream. */
export interface CallPiece {
  /** Undefined: the server omits it. */
  readonly index: number | undefined;
  /** Empty: the server omits it. */
  readonly id: string;
  readonly name: string;
  /** JSON or a part of it. */
  readonly arguments: string;
}

/** The content of one chat completion chunk, independent of the server's dialect. */
export interface ChunkContent {
  readonly text: string;
  readonly calls: readonly CallPiece[];
  readonly finish: FinishReason | undefined;
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | undefined;
}

/**
 * The content of a chunk: `delta` of a stream or `message` of a complete answer. Text may be a string or a list of parts;
 * separate reasoning fields are ignored. Throws ErrorReply if the chunk is an error, and InvalidReplyError if it is not
 * a chunk.
 */
export function readChunk(value: unknown, event?: string): ChunkContent {
  if (!isObject(value)) throw new InvalidReplyError("a chunk is not a JSON object");
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

/** The error in a chunk. Source: the error bodies of OpenAI, OpenRouter (`code` is a status), FastAPI (`detail`), Ollama and llama.cpp. */
function findError(value: Fields, event: string | undefined): ErrorReply | undefined {
  const choice = Array.isArray(value.choices) ? value.choices.find(isObject) : undefined;
  const error = value.error || choice?.error || (choice?.finish_reason === "error" ? "it failed" : undefined);
  const isBareError =
    !error && choice === undefined && (event === "error" || value.object === "error" || hasErrorMessage(value));
  if (!error && !isBareError) return undefined;
  const details = isObject(error) ? error : isBareError ? value : {};
  const { code, type } = details;
  const message = errorMessage(error || value) || "an error without a message";
  return new ErrorReply({ message, status: statusOf(details), code, type });
}

function hasErrorMessage(value: Fields): boolean {
  return !value.usage && (typeof value.message === "string" || (value.detail !== undefined && value.detail !== null));
}

function errorMessage(error: unknown): string {
  if (typeof error === "string") return error;
  if (Array.isArray(error)) return error.map(errorMessage).filter(Boolean).join("; ");
  if (!isObject(error)) return "";
  return [error.message, error.detail, error.msg, error.error].map(errorMessage).find((text) => text !== "") ?? "";
}

/** The HTTP status that the error names. 500, which is retried, if its type means a server error; otherwise 200. */
function statusOf({ code, status, type }: Fields): number {
  const httpStatus = [code, status].map(Number).find((number) => number >= 400 && number < 600);
  if (httpStatus !== undefined) return httpStatus;
  return /server_error|overload|unavailable|internal|timeout/i.test(`${type} ${code}`) ? 500 : 200;
}

/** Content parts that are reasoning, not answer text. */
const REASONING = /reason|think|thought/i;

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return content.map(textOf).join("");
  if (!isObject(content) || REASONING.test(String(content.type ?? ""))) return "";
  if (content.thought === true) return ""; // Gemini marks reasoning this way
  return textOf(content.text ?? content.value ?? content.refusal);
}

function callsOf(message: Fields): readonly CallPiece[] {
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isObject) : [];
  const legacy = isObject(message.function_call) ? [{ function: message.function_call }] : [];
  return [...calls, ...legacy].map((call: Fields) => {
    const definition = isObject(call.function) ? call.function : call;
    const index = call.index === undefined || call.index === null ? Number.NaN : Number(call.index);
    return {
      index: Number.isInteger(index) ? index : undefined,
      id: typeof call.id === "string" || typeof call.id === "number" ? String(call.id) : "",
      name: typeof definition.name === "string" ? definition.name : "",
      arguments: argumentsOf(definition.arguments),
    };
  });
}

function argumentsOf(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : stringifyJson(value);
}

function finishOf(reason: unknown): FinishReason | undefined {
  if (typeof reason !== "string" || reason === "" || reason === "null") return undefined;
  const name = reason.toLowerCase();
  if (/length|max_?(output_?)?tokens/.test(name)) return "length";
  return /content_filter|safety|recitation|blocklist|prohibited|sensitive/.test(name) ? "content_filter" : "stop";
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
