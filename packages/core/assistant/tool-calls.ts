import { AppError } from "../error.ts";
import type { CallPiece } from "./completion-chunk.ts";

/** A call of a tool that a model asks for. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON as the model wrote it. */
  readonly arguments: string;
}

/** Calls of one answer. */
const MAX_CALLS = 32;

/** UTF-16 units of the names and arguments of all calls of one answer. */
const MAX_CALLS_LENGTH = 200_000;

interface OpenCall {
  readonly index: number | undefined;
  id: string;
  name: string;
  arguments: string;
}

/**
 * Puts tool calls together from their pieces. By the protocol a piece names its call by `index`; servers also leave the
 * index out, or send 0 for every call, leave ids empty, and repeat the name in each piece.
 */
export function createToolCallCollector() {
  const calls: OpenCall[] = [];
  let length = 0;
  return {
    /** Throws `chat_failed` for more calls, or longer ones, than an answer may have. */
    add(piece: CallPiece): void {
      length += piece.name.length + piece.arguments.length;
      if (length > MAX_CALLS_LENGTH)
        throw tooMuch(`the arguments of its tool calls are longer than ${MAX_CALLS_LENGTH} characters`);
      let call = findCall(calls, piece);
      if (!call) {
        if (calls.length === MAX_CALLS) throw tooMuch(`it calls tools more than ${MAX_CALLS} times`);
        call = { index: piece.index, id: "", name: "", arguments: "" };
        calls.push(call);
      }
      if (isRepetition(call, piece)) return;
      call.id ||= piece.id;
      call.name = joinName(call.name, piece.name);
      call.arguments += piece.arguments;
    },
    end: (): readonly ToolCall[] =>
      calls.filter((call, at) => !isEcho(call, calls[at - 1])).map(({ index, ...call }) => call),
  };
}

function tooMuch(why: string): AppError {
  return new AppError("chat_failed", `The chat model's answer cannot be used: ${why}. Ask again.`);
}

/** The call that a piece continues; undefined: it begins another. */
function findCall(calls: readonly OpenCall[], piece: CallPiece): OpenCall | undefined {
  const { id, index } = piece;
  const sameId = calls.findLast(
    (call) => id !== "" && call.id === id && (index ?? call.index) === (call.index ?? index),
  );
  const current = sameId ?? calls.findLast((call) => index === undefined || call.index === index);
  return current && !beginsAnother(current, piece) ? current : undefined;
}

/**
 * Whether a piece that has the index of a call, or none, belongs to another one: it has a name, and another id or
 * another name, or the call is whole. (A server may give every piece an id of its own, but then without the name.)
 */
function beginsAnother(current: OpenCall, piece: CallPiece): boolean {
  const { id, name } = piece;
  if (name === "") return false;
  if (id !== "" && current.id !== "" && id !== current.id) return true;
  if (isRepetition(current, piece)) return false;
  if (current.arguments === "") return false; // its name may come in pieces
  return !name.startsWith(current.name) || isWhole(current.arguments);
}

/** A server may send the whole call once more at the end. */
function isRepetition(call: OpenCall, { id, name, arguments: text }: CallPiece): boolean {
  return (
    id !== "" &&
    call.id === id &&
    call.name === name &&
    call.arguments !== "" &&
    (text === "" || text === call.arguments)
  );
}

/** A name that is repeated after the end of its call, and begins none. */
function isEcho({ id, name, arguments: text }: OpenCall, before: OpenCall | undefined): boolean {
  return id === "" && text === "" && before?.name === name;
}

function isWhole(text: string): boolean {
  if (!/[}"]\s*$/.test(text.slice(-20))) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A name in pieces is joined; one that is repeated, or grows with each piece, stands once. */
function joinName(name: string, piece: string): string {
  if (piece === "") return name;
  return piece.startsWith(name) ? piece : name + piece;
}
