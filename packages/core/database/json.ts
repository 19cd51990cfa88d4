import { nextTurn } from "../turn.ts";
import { createJsonParser } from "./parse-json.ts";
import { MAX_NUMBER_DIGITS, needsExactParser } from "./scan-json.ts";
import { decodeText, encodeText } from "./text.ts";

/** A metadata value. Integers that a double cannot represent are bigint. */
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
 * Parses JSON without loss: an integer beyond ±2^53 becomes a bigint, and a number that no double can represent
 * (`1e400`) becomes a raw number, which `findMetadataFault` refuses. Throws SyntaxError, and `invalid_input` for a number
 * of more than 1,000 digits or more than 100,000 levels of nesting.
 */
export function parseJson(text: string): JsonValue {
  return needsExactParser(text) ? runExactParser(text) : JSON.parse(text);
}

function runExactParser(text: string, options?: { readonly stored: boolean }): JsonValue {
  const parser = createJsonParser(text, options);
  while (parser.run(Number.POSITIVE_INFINITY));
  return parser.result() as JsonValue;
}

/** `parseJson` for text from the database, to which no limit is applied again. */
function parseStored(text: string): JsonValue {
  return needsExactParser(text, { stored: true }) ? runExactParser(text, { stored: true }) : JSON.parse(text);
}

/** Characters of JSON that are parsed in one time slice: about a millisecond. */
const SLICE_CHARACTERS = 65_536;

export interface ParseOptions {
  /** Whether the text comes from the database. Then no limit is applied again. */
  readonly stored?: boolean;
  /** Keys of the outermost object whose values are parsed as `parseExactJson` does. */
  readonly exactKeys?: readonly string[];
}

/** `parseJson` for a text of megabytes, in time slices. */
export async function parseLargeJson(text: string, { stored, exactKeys }: ParseOptions = {}): Promise<JsonValue> {
  if (text.length <= SLICE_CHARACTERS && !exactKeys) return stored ? parseStored(text) : parseJson(text);
  const exact = exactKeys && { keys: new Set(exactKeys), parse: parseExactJson };
  const parser = createJsonParser(text, { stored, exact });
  do await nextTurn();
  while (parser.run(SLICE_CHARACTERS));
  return parser.result() as JsonValue;
}

/**
 * Parses JSON so that writing it again gives the same numbers: large integers are kept, and 1.0 stays distinct from 1, as
 * a raw number that `stringifyJson` and `encodeJson` write unchanged. Slower; for copying, not for computing.
 */
export function parseExactJson(text: string): JsonValue {
  return /\d{16}|\d\.0+(?!\d)|\d[eE]/.test(text) ? JSON.parse(text, exactNumber) : JSON.parse(text);
}

/** Writes JSON. A bigint is written as its digits, and a double beyond ±2^53 keeps its `.0`. */
export function stringifyJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_, item) => exactText(item), indent);
}

function exactText(item: unknown): unknown {
  if (typeof item === "bigint") return JSON.rawJSON(item.toString());
  // jsonb writes 1e300 as digits, and parseJson would read them as an integer of 300 digits.
  const isLarge = typeof item === "number" && Number.isInteger(item) && !Number.isSafeInteger(item);
  return isLarge ? JSON.rawJSON(`${BigInt(item)}.0`) : item;
}

/** Metadata as text for a jsonb column. Every key and string is encoded so that Postgres can store it. */
export function encodeJson(value: JsonObject): string {
  return stringifyJson(mapText(value, encodeText));
}

/** Metadata from the text of a jsonb column. `parse`: use `parseExactJson` if 1.0 must stay distinct from 1. */
export function decodeJson(stored: string, parse: (text: string) => JsonValue = parseStored): JsonObject {
  const value = parse(stored) as JsonObject;
  return stored.includes("\uFFFE") ? (mapText(value, decodeText) as JsonObject) : value;
}

/** `decodeJson` for a text of megabytes, in time slices. Null stays null. */
export async function decodeLargeJson(stored: string | null): Promise<JsonObject | null> {
  if (stored === null) return null;
  const value = (await parseLargeJson(stored, { stored: true })) as JsonObject;
  return stored.includes("\uFFFE") ? (mapText(value, decodeText) as JsonObject) : value;
}

function exactInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value) || !context?.source) return value;
  if (!/^-?\d+$/.test(context.source)) return Number.isFinite(value) ? value : JSON.rawJSON(context.source);
  return context.source.length > MAX_NUMBER_DIGITS + 1 ? JSON.rawJSON(context.source) : BigInt(context.source);
}

function exactNumber(key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (value === 0 && /[1-9]/.test(context?.source?.replace(/[eE].*/, "") ?? ""))
    return JSON.rawJSON(context?.source ?? "0"); // smaller than any double
  if (typeof value !== "number" || !Number.isInteger(value) || !/[.eE]/.test(context?.source ?? ""))
    return exactInteger(key, value, context);
  return JSON.rawJSON(`${BigInt(value)}.0`);
}

/** A copy of a value with every key and string changed. */
export function mapText(value: JsonValue, change: (text: string) => string): JsonValue {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapText(item, change));
  if (value === null || typeof value !== "object" || JSON.isRawJSON(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [change(key), mapText(item, change)]));
}
