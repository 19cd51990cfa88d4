import { type JsonObject, type JsonValue, stringifyJson } from "./json.ts";

/** Canonical JSON: keys sorted, integers as their digits, floats as doubles. */
export function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value === null || typeof value !== "object" || JSON.isRawJSON(value)) return stringifyJson(value);
  const entries = Object.entries(value as JsonObject).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item as JsonValue)}`).join(",")}}`;
}
