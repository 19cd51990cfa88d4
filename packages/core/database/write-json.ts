import { nextTurn } from "../turn.ts";
import { type JsonObject, type JsonValue, mapText, stringifyJson } from "./json.ts";
import { encodeText } from "./text.ts";

/** Characters that are written in one time slice: about a millisecond. `JSON.stringify` writes a shorter value at once. */
const SLICE_CHARACTERS = 65_536;

/** Whether a value is written in one time slice. The number of its characters is estimated. */
export function isShortJson(value: unknown): boolean {
  return remainingBudget(value, SLICE_CHARACTERS) > 0;
}

/** `budget` minus the estimated characters of a value. Stops at zero or less. */
function remainingBudget(value: unknown, budget: number): number {
  if (typeof value === "string") return budget - value.length;
  if (typeof value !== "object" || value === null) return budget - 8;
  let left = budget - 2;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length && left > 0; at++) left = remainingBudget(value[at], left);
    return left;
  }
  for (const key in value) {
    left = remainingBudget((value as Record<string, unknown>)[key], left - key.length);
    if (left <= 0) break;
  }
  return left;
}

/**
 * The JSON of `stringifyJson`, as UTF-8. It is written in time slices, so that a response of many megabytes does not
 * delay other requests.
 */
export async function encodeLargeJson(value: unknown): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Buffer[] = [];
  await writeInSlices(value, undefined, (text) => parts.push(Buffer.from(text)));
  return Buffer.concat(parts);
}

/** `encodeJson` in time slices. */
export async function writeLargeJson(value: JsonObject): Promise<string> {
  const parts: string[] = [];
  await writeInSlices(value, encodeText, (text) => parts.push(text));
  return parts.join("");
}

type TextChange = ((text: string) => string) | undefined;

async function writeInSlices(value: unknown, change: TextChange, write: (text: string) => void): Promise<void> {
  let text = "";
  for (const piece of pieces(value, change)) {
    text += piece;
    if (text.length < SLICE_CHARACTERS) continue;
    write(text);
    text = "";
    await nextTurn();
  }
  write(text);
}

/** JSON in pieces of about a time slice each. Longer arrays, objects and strings are divided. */
function* pieces(value: unknown, change: TextChange): Generator<string> {
  if (isShortJson(value)) yield stringify(value, change);
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
      yield `${opening}${stringify(key, change)}:`;
      yield* pieces(item, change);
      opening = ",";
    }
    yield opening === "{" ? "{}" : "}";
  }
}

function stringify(value: unknown, change: TextChange): string {
  return stringifyJson(change ? mapText(value as JsonValue, change) : value) ?? "null";
}

function* stringPieces(text: string, change: TextChange): Generator<string> {
  yield '"';
  for (let at = 0, end = 0; at < text.length; at = end) {
    end = Math.min(text.length, at + SLICE_CHARACTERS);
    if (isInsidePair(text, end)) end--;
    yield stringify(text.slice(at, end), change).slice(1, -1);
  }
  yield '"';
}

/** Whether a split at `at` would separate the two halves of a surrogate pair. */
function isInsidePair(text: string, at: number): boolean {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff;
}
