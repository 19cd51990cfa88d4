import { nextTurn } from "../turn.ts";
import { createJsonParser } from "./parse-json.ts";
import { isSpecialJson, MAX_NUMBER_DIGITS } from "./scan-json.ts";
import { decodeText, encodeText } from "./text.ts";

/** A value of metadata. Integers that a double cannot hold are bigint. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

declare global {
  interface JSON {
    /** ES2026; in V8 since Node 21, not yet in TypeScript's library. */
    rawJSON(text: string): { readonly rawJSON: string };
    isRawJSON(value: unknown): value is { readonly rawJSON: string };
  }
}

/**
 * Parses JSON without loss: an integer beyond ±2^53 comes back as a bigint, and a number that no double holds
 * (`1e400`) as a raw number, which `findMetadataFault` refuses. Throws SyntaxError, and `invalid_input` for a number of
 * more than 1,000 digits or nesting over 100,000 deep.
 */
export function parseJson(text: string): JsonValue {
  return isSpecialJson(text) ? parseSpecial(text) : JSON.parse(text);
}

function parseSpecial(text: string, options?: { readonly stored: boolean }): JsonValue {
  const parser = createJsonParser(text, options);
  while (parser.run(Number.POSITIVE_INFINITY));
  return parser.result() as JsonValue;
}

/** `parseJson` of what the database holds, where no limit is applied again. */
function parseStored(text: string): JsonValue {
  return isSpecialJson(text, { stored: true }) ? parseSpecial(text, { stored: true }) : JSON.parse(text);
}

/** Characters of JSON that are parsed in one turn: about a millisecond. */
const TURN = 65_536;

/** `parseJson` of a text of megabytes, without stopping the process for long. */
export async function parseLargeJson(
  text: string,
  options?: { readonly stored: boolean },
): Promise<JsonValue> {
  if (text.length <= TURN) return options?.stored ? parseStored(text) : parseJson(text);
  const parser = createJsonParser(text, options);
  do await nextTurn();
  while (parser.run(TURN));
  return parser.result() as JsonValue;
}

/**
 * Parses JSON so that writing it again gives the same numbers: beside large integers, 1.0 stays apart from 1, as a
 * raw number that `stringifyJson` and `encodeJson` write as it stands. Slower; for copying, not for computing.
 */
export function parseExactJson(text: string): JsonValue {
  return /\d{16}|\d\.0+(?!\d)|\d[eE]/.test(text) ? JSON.parse(text, exactNumber) : JSON.parse(text);
}

/** Writes JSON; a bigint becomes its digits, and a number too large to be one of those keeps its `.0`. */
export function stringifyJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_, item) => exactText(item), indent);
}

function exactText(item: unknown): unknown {
  if (typeof item === "bigint") return JSON.rawJSON(item.toString());
  // jsonb writes 1e300 out in digits, and parseJson would take them for an integer of 300.
  const large = typeof item === "number" && Number.isInteger(item) && !Number.isSafeInteger(item);
  return large ? JSON.rawJSON(`${BigInt(item)}.0`) : item;
}

/** Metadata as text for a jsonb column: every key and string in the form that Postgres stores. */
export function encodeJson(value: JsonObject): string {
  return stringifyJson(mapText(value, encodeText));
}

/** Metadata from the text of a jsonb column. `parse`: `parseExactJson` where 1.0 must stay apart from 1. */
export function decodeJson(stored: string, parse: (text: string) => JsonValue = parseStored): JsonObject {
  const value = parse(stored) as JsonObject;
  return stored.includes("\uFFFE") ? (mapText(value, decodeText) as JsonObject) : value;
}

/** `decodeJson` of megabytes. Null stays null. */
export async function decodeLargeJson(stored: string | null): Promise<JsonObject | null> {
  if (stored === null) return null;
  const value = (await parseLargeJson(stored, { stored: true })) as JsonObject;
  return stored.includes("\uFFFE") ? (mapText(value, decodeText) as JsonObject) : value;
}

function exactInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value) || !context?.source) return value;
  if (!/^-?\d+$/.test(context.source)) return Number.isFinite(value) ? value : JSON.rawJSON(context.source);
  return context.source.length > MAX_NUMBER_DIGITS + 1
    ? JSON.rawJSON(context.source)
    : BigInt(context.source);
}

function exactNumber(key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (value === 0 && /[1-9]/.test(context?.source?.replace(/[eE].*/, "") ?? ""))
    return JSON.rawJSON(context?.source ?? "0"); // smaller than any double
  if (typeof value !== "number" || !Number.isInteger(value) || !/[.eE]/.test(context?.source ?? ""))
    return exactInteger(key, value, context);
  return JSON.rawJSON(`${BigInt(value)}.0`);
}

/** A value with every key and string changed. */
export function mapText(value: JsonValue, change: (text: string) => string): JsonValue {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapText(item, change));
  if (value === null || typeof value !== "object" || JSON.isRawJSON(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [change(key), mapText(item, change)]));
}
