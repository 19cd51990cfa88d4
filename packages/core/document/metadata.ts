import { type JsonObject, type JsonValue, stringifyJson } from "../database/json.ts";
import { MAX_NUMBER_DIGITS } from "../database/scan-json.ts";

/** Maximum bytes of the metadata of a document or collection, as JSON in UTF-8. Each passage's row holds a copy. */
export const MAX_METADATA_BYTES = 65_536;

/** Maximum nesting depth of lists and objects in metadata, including the metadata itself. */
const MAX_METADATA_DEPTH = 64;

/** Maximum UTF-16 code units of a key. */
export const MAX_KEY_LENGTH = 1_024;

export interface MetadataFault {
  /** Such as `metadata.size[2]`. */
  readonly path: string;
  readonly message: string;
}

interface PendingValue {
  readonly value: JsonValue;
  readonly path: string;
  readonly depth: number;
}

const INTEGER_LIMIT = 10n ** BigInt(MAX_NUMBER_DIGITS);

/** Why metadata cannot be stored; undefined: it can. */
export function findMetadataFault(metadata: JsonObject): MetadataFault | undefined {
  const pending: PendingValue[] = [{ value: metadata, path: "metadata", depth: 1 }];
  let values = 0; // each takes at least two bytes
  let characters = 0;
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { value, path, depth } = next;
    if (++values > MAX_METADATA_BYTES || characters > MAX_METADATA_BYTES) return tooLarge();
    const fault = scalarFault(value);
    if (fault) return { path, message: `Its metadata cannot be stored: ${path} is ${fault}` };
    if (typeof value === "string") characters += value.length;
    if (typeof value !== "object" || value === null || JSON.isRawJSON(value)) continue;
    if (depth > MAX_METADATA_DEPTH)
      return {
        path,
        message: `Its metadata cannot be stored: it is nested deeper than ${MAX_METADATA_DEPTH} levels. Flatten it, or send the inner part as a string.`,
      };
    if (Array.isArray(value) && value.length > MAX_METADATA_BYTES) return tooLarge();
    for (const [key, item] of Object.entries(value)) {
      if (!Array.isArray(value) && key.length > MAX_KEY_LENGTH) return longKey(key, path);
      characters += Array.isArray(value) ? 0 : key.length;
      if (pending.length > MAX_METADATA_BYTES) return tooLarge();
      pending.push({ value: item, path: appendPath(path, key, value), depth: depth + 1 });
    }
  }
  const bytes = Buffer.byteLength(stringifyJson(metadata));
  return bytes > MAX_METADATA_BYTES ? tooLarge(bytes) : undefined;
}

function scalarFault(value: JsonValue): string | undefined {
  if (typeof value === "bigint")
    return value >= INTEGER_LIMIT || value <= -INTEGER_LIMIT
      ? `an integer of more than ${MAX_NUMBER_DIGITS.toLocaleString("en")} digits. Send it as a string.`
      : undefined;
  if (typeof value === "number" && !Number.isFinite(value))
    return `${value}, which JSON cannot represent. Send null or a string.`;
  if (typeof value !== "object" || value === null || !JSON.isRawJSON(value)) return undefined;
  const { rawJSON } = value as unknown as { readonly rawJSON: string };
  if (isRepresentable(rawJSON)) return undefined;
  const shown = rawJSON.length > 40 ? `${rawJSON.slice(0, 40)}…` : rawJSON;
  return `${shown}, which a 64-bit floating-point number cannot represent. Send it as a string.`;
}

/** Whether a double can represent a raw number. `parseExactJson` keeps raw numbers such as 1.0 as well. */
function isRepresentable(source: string): boolean {
  const value = Number(source);
  return Number.isFinite(value) && (value !== 0 || !/[1-9]/.test(source.replace(/[eE].*/, "")));
}

function longKey(key: string, path: string): MetadataFault {
  return {
    path,
    message: `Its metadata cannot be stored: ${path} has a key of ${key.length} characters (${JSON.stringify(key.slice(0, 40))}…), and the limit is ${MAX_KEY_LENGTH.toLocaleString("en")}. Shorten it.`,
  };
}

function tooLarge(bytes?: number): MetadataFault {
  const size = bytes === undefined ? "more than" : `${bytes.toLocaleString("en")} bytes of JSON, more than`;
  return {
    path: "metadata",
    message: `Its metadata cannot be stored: it has ${size} the limit of ${MAX_METADATA_BYTES.toLocaleString("en")} bytes. Move long texts into the content.`,
  };
}

function appendPath(path: string, key: string, parent: JsonValue): string {
  if (path.length > 200) return path; // a longer path would not help
  if (Array.isArray(parent)) return `${path}[${key}]`;
  return /^[\p{L}_][\p{L}\p{N}_-]*$/u.test(key)
    ? `${path}.${key.slice(0, 40)}`
    : `${path}[${JSON.stringify(key.slice(0, 40))}]`;
}
