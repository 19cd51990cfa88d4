import { nextTurn } from "../turn.ts";
import { type JsonObject, type JsonValue, mapText, stringifyJson } from "./json.ts";
import { encodeText } from "./text.ts";

/** Characters that are written in one turn: about a millisecond. A value of fewer is written by `JSON.stringify`. */
const TURN = 65_536;

/** Whether a value has fewer characters of JSON than are written in one turn, about. */
export function isShortJson(value: unknown): boolean {
  return weigh(value, TURN) > 0;
}

/** What is left of `budget` when a value is written; as soon as nothing is left, zero or less. */
function weigh(value: unknown, budget: number): number {
  if (typeof value === "string") return budget - value.length;
  if (typeof value !== "object" || value === null) return budget - 8;
  let left = budget - 2;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length && left > 0; at++) left = weigh(value[at], left);
    return left;
  }
  for (const key in value) {
    left = weigh((value as Record<string, unknown>)[key], left - key.length);
    if (left <= 0) break;
  }
  return left;
}

/**
 * The JSON that `stringifyJson` writes, as UTF-8. It is written in turns: other requests are answered in between, where
 * a response of many megabytes would hold them up.
 */
export async function encodeLargeJson(value: unknown): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Buffer[] = [];
  await inTurns(value, undefined, (text) => parts.push(Buffer.from(text)));
  return Buffer.concat(parts);
}

/** What `encodeJson` writes, in turns. */
export async function writeLargeJson(value: JsonObject): Promise<string> {
  const parts: string[] = [];
  await inTurns(value, encodeText, (text) => parts.push(text));
  return parts.join("");
}

type Change = ((text: string) => string) | undefined;

async function inTurns(value: unknown, change: Change, write: (text: string) => void): Promise<void> {
  let text = "";
  for (const piece of pieces(value, change)) {
    text += piece;
    if (text.length < TURN) continue;
    write(text);
    text = "";
    await nextTurn();
  }
  write(text);
}

/** JSON in pieces of about a turn each: lists, objects and strings that are longer are opened. */
function* pieces(value: unknown, change: Change): Generator<string> {
  if (isShortJson(value)) yield short(value, change);
  else if (typeof value === "string") yield* stringPieces(value, change);
  else if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) {
      yield at === 0 ? "[" : ",";
      yield* pieces(item, change);
    }
    yield "]";
  } else {
    let opening = "{";
    for (const [key, item] of Object.entries(value as object)) {
      if (item === undefined) continue;
      yield `${opening}${short(key, change)}:`;
      yield* pieces(item, change);
      opening = ",";
    }
    yield opening === "{" ? "{}" : "}";
  }
}

function short(value: unknown, change: Change): string {
  return stringifyJson(change ? mapText(value as JsonValue, change) : value) ?? "null";
}

function* stringPieces(text: string, change: Change): Generator<string> {
  yield '"';
  for (let at = 0, end = 0; at < text.length; at = end) {
    end = Math.min(text.length, at + TURN);
    if (isPair(text, end)) end--;
    yield short(text.slice(at, end), change).slice(1, -1);
  }
  yield '"';
}

/** Whether a cut at `at` would part the two halves of a character. */
function isPair(text: string, at: number): boolean {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff;
}
