import { AppError } from "../error.ts";
import type { CallPiece } from "./completion-chunk.ts";

/** A tool call that a model requests. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON text, as the model wrote it. */
  readonly arguments: string;
}

/** Tool calls in one answer. */
const MAX_CALLS = 32;

/** UTF-16 units of the names and arguments of all calls in one answer. */
const MAX_CALLS_LENGTH = 200_000;

interface OpenCall {
  readonly index: number | undefined;
  id: string;
  name: string;
  arguments: string;
}

/**
 * Assembles tool calls from their pieces. By the protocol, a piece names its call by `index`. Some servers omit the index
 * or send 0 for every call, leave ids empty, or repeat the name in each piece.
 */
export function createToolCallCollector() {
  const calls: OpenCall[] = [];
  let length = 0;
  return {
    /** Throws `chat_failed` if the calls exceed the limits of one answer. */
    add(piece: CallPiece): void {
      length += piece.name.length + piece.arguments.length;
      if (length > MAX_CALLS_LENGTH)
        throw answerTooLarge(`the arguments of its tool calls are longer than ${MAX_CALLS_LENGTH} characters`);
      let call = findCall(calls, piece);
      if (!call) {
        if (calls.length === MAX_CALLS) throw answerTooLarge(`it calls tools more than ${MAX_CALLS} times`);
        call = { index: piece.index, id: "", name: "", arguments: "" };
        calls.push(call);
      }
      if (isRepeatedCall(call, piece)) return;
      call.id ||= piece.id;
      call.name = joinName(call.name, piece.name);
      call.arguments += piece.arguments;
    },
    end: (): readonly ToolCall[] =>
      calls.filter((call, at) => !isRepeatedName(call, calls[at - 1])).map(({ index, ...call }) => call),
  };
}

function answerTooLarge(reason: string): AppError {
  return new AppError("chat_failed", `The chat model's answer cannot be used: ${reason}. Ask again.`);
}

/** The call that a piece continues; undefined: it starts a new call. */
function findCall(calls: readonly OpenCall[], piece: CallPiece): OpenCall | undefined {
  const { id, index } = piece;
  const sameId = calls.findLast(
    (call) => id !== "" && call.id === id && (index ?? call.index) === (call.index ?? index),
  );
  const current = sameId ?? calls.findLast((call) => index === undefined || call.index === index);
  return current && !startsNewCall(current, piece) ? current : undefined;
}

/**
 * Whether a piece with the index of a call, or without an index, starts a new call. It does if it has a name and either
 * a different id or name, or the current call is complete. A server may give every piece its own id, but then without a
 * name.
 */
function startsNewCall(current: OpenCall, piece: CallPiece): boolean {
  const { id, name } = piece;
  if (name === "") return false;
  if (id !== "" && current.id !== "" && id !== current.id) return true;
  if (isRepeatedCall(current, piece)) return false;
  if (current.arguments === "") return false; // the name may arrive in pieces
  return !name.startsWith(current.name) || isCompleteJson(current.arguments);
}

/** Whether a piece repeats a complete call, as some servers do at the end. */
function isRepeatedCall(call: OpenCall, { id, name, arguments: text }: CallPiece): boolean {
  return (
    id !== "" &&
    call.id === id &&
    call.name === name &&
    call.arguments !== "" &&
    (text === "" || text === call.arguments)
  );
}

/** Whether a call is only the repeated name of the call before it. */
function isRepeatedName({ id, name, arguments: text }: OpenCall, previous: OpenCall | undefined): boolean {
  return id === "" && text === "" && previous?.name === name;
}

function isCompleteJson(text: string): boolean {
  if (!/[}"]\s*$/.test(text.slice(-20))) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Joins a name with its next piece. A piece that repeats or extends the name replaces it. */
function joinName(name: string, piece: string): string {
  if (piece === "") return name;
  return piece.startsWith(name) ? piece : name + piece;
}
