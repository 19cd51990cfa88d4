import { type JsonObject, parseJson, stringifyJson } from "@cairn/core/database/json.ts";
import { parse } from "yaml";

const FRONT_MATTER = /^\ufeff?---[ \t]*\r?\n([\s\S]{0,16000}?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/;

/**
 * Separates the YAML mapping at the start of a Markdown text from it. Dates and other values that JSON does not have are text.
 * Lines that are not a mapping, such as those between two horizontal rules, stay part of the text.
 */
export function readFrontMatter(text: string): { readonly content: string; readonly metadata: JsonObject } {
  const match = FRONT_MATTER.exec(text);
  const metadata = match ? parseMapping(match[1] ?? "") : undefined;
  return match && metadata ? { content: text.slice(match[0].length), metadata } : { content: text, metadata: {} };
}

function parseMapping(yaml: string): JsonObject | undefined {
  try {
    // The core schema has no dates. Aliases could multiply a short text.
    // The check for unique keys takes quadratic time.
    const value: unknown = parse(yaml, {
      schema: "core",
      intAsBigInt: true,
      maxAliasCount: 0,
      uniqueKeys: false,
      logLevel: "error",
    });
    const isMapping = typeof value === "object" && value !== null && !Array.isArray(value);
    return isMapping ? (parseJson(stringifyJson(value)) as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}
