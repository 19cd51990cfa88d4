import { decodeJson, parseExactJson, stringifyJson } from "@cairn/core/database/json.ts";

/** Stored metadata as JSON with exact numbers. Empty metadata is null, as in Chroma. */
export function metadataJson(stored: string | null): string {
  if (stored === null || stored === "{}") return "null";
  if (!stored.includes("\uFFFE")) return stored; // Postgres writes numbers as they were stored
  return stringifyJson(decodeJson(stored, parseExactJson));
}
