import { undeserializable } from "../error.ts";
import type { Body } from "./body.ts";

// Fields of a body. A field that is missing or null is undefined, unless it is required. Errors are worded as a Chroma server
// words them (serde), without the position in the text.

/** A required string. */
export function requiredString(body: Body, name: string): string {
  const value = body[name];
  if (value === undefined) throw missingField(name);
  if (typeof value === "string") return value;
  throw wrongType(name, value, "a string");
}

export function optionalString(body: Body, name: string): string | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined || typeof value === "string") return value;
  throw wrongType(name, value, "a string");
}

export function optionalBoolean(body: Body, name: string): boolean | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined || typeof value === "boolean") return value;
  throw wrongType(name, value, "a boolean");
}

const MAX_U32 = 2 ** 32 - 1;

/** A whole number from 0 to 2^32 − 1. */
export function optionalCount(body: Body, name: string): number | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value)) throw wrongType(name, value, "u32");
  if (value >= 0 && value <= MAX_U32) return value;
  throw undeserializable(name, `invalid value: integer \`${value}\`, expected u32`);
}

/** A list of strings. */
export function requiredStrings(body: Body, name: string): readonly string[] {
  if (body[name] === undefined) throw missingField(name);
  const list = body[name];
  if (!Array.isArray(list)) throw wrongType(name, list, "a sequence");
  return checkStrings(list, name);
}

export function optionalStrings(body: Body, name: string): readonly string[] | undefined {
  return body[name] == null ? undefined : requiredStrings(body, name);
}

function checkStrings(list: readonly unknown[], name: string): readonly string[] {
  const wrong = list.findIndex((item) => typeof item !== "string");
  if (wrong >= 0) throw wrongType(`${name}[${wrong}]`, list[wrong], "a string");
  return list as readonly string[];
}

/** A list of strings and nulls. */
export function optionalTexts(body: Body, name: string): readonly (string | null)[] | undefined {
  const list = body[name];
  if (list == null) return undefined;
  if (!Array.isArray(list)) throw wrongType(name, list, "a sequence");
  const wrong = list.findIndex((item) => typeof item !== "string" && item !== null);
  if (wrong >= 0) throw wrongType(`${name}[${wrong}]`, list[wrong], "a string");
  return list as readonly (string | null)[];
}

export function optionalObject(body: Body, name: string): Body | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined) return undefined;
  if (isObject(value)) return value;
  throw wrongType(name, value, "a map");
}

export function isObject(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

export function missingField(name: string) {
  return undeserializable("", `missing field \`${name}\``);
}

export function wrongType(path: string, value: unknown, expected: string) {
  return undeserializable(path, `invalid type: ${describe(value)}, expected ${expected}`);
}

/** A value as serde describes it. */
function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string") return `string ${JSON.stringify(value.slice(0, 100))}`;
  if (typeof value === "boolean") return `boolean \`${value}\``;
  if (typeof value === "number") return `${Number.isInteger(value) ? "integer" : "floating point"} \`${value}\``;
  if (typeof value === "bigint") return `integer \`${value}\``;
  return Array.isArray(value) ? "sequence" : "map";
}
