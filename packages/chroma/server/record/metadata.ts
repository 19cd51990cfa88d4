import type { JsonObject, JsonValue } from "@cairn/core/database/json.ts";
import { findMetadataFault } from "@cairn/core/document/metadata.ts";
import { invalidArgument, undeserializable, unimplemented } from "../error.ts";
import type { Body } from "../request/body.ts";
import { isObject, wrongType } from "../request/fields.ts";

/** Metadata of a request: the values to set and the keys to delete. */
export interface MetadataChange {
  readonly metadata: JsonObject;
  readonly removedKeys: readonly string[];
}

const NO_CHANGE: MetadataChange = { metadata: {}, removedKeys: [] };

export interface MetadataOptions {
  /** Name of the type in error messages. */
  readonly type: "MetadataValue" | "UpdateMetadataValue";
  /** Whether null deletes a key. */
  readonly nulls: boolean;
}

/** The metadata of each record; undefined: the field is missing. */
export function optionalMetadatas(body: Body, options: MetadataOptions): readonly MetadataChange[] | undefined {
  const list = body.metadatas;
  if (list == null) return undefined;
  if (!Array.isArray(list)) throw wrongType("metadatas", list, "a sequence");
  return list.map((item, index) => {
    if (item === null) return NO_CHANGE;
    const path = `metadatas[${index}]`;
    if (!isObject(item)) throw wrongType(path, item, "a map");
    const change = toChange(item, path, options);
    if (Object.keys(item).some(isReserved))
      throw invalidArgument(`Validation error: metadatas: Invalid metadata at index ${index}`);
    return change;
  });
}

/** The metadata of a collection. */
export function toCollectionMetadata(value: Body, path: string): JsonObject {
  if (Object.keys(value).length === 0) throw invalidArgument(`Validation error: ${path}: Metadata cannot be empty`);
  return toChange(value, path, { type: "MetadataValue", nulls: false }).metadata;
}

function toChange(value: Body, path: string, { type, nulls }: MetadataOptions): MetadataChange {
  const set: [string, JsonValue][] = [];
  const removedKeys: string[] = [];
  for (const [key, item] of Object.entries(value)) {
    if (item === null && nulls) removedKeys.push(key);
    else if (Array.isArray(item) && item.length === 0)
      removedKeys.push(key); // a record cannot hold an empty list
    else set.push([key, toStored(item, `${path}.${key}`, type)]);
  }
  const metadata = Object.fromEntries(set);
  const fault = findMetadataFault(metadata);
  if (fault) throw invalidArgument(`${path}: ${fault.message}`);
  return { metadata, removedKeys };
}

function isReserved(key: string): boolean {
  return key.startsWith("#") || key.startsWith("$");
}

/** A value as it is stored: a string, a boolean, a number, or a list of one of these types. */
function toStored(value: unknown, path: string, type: string): JsonValue {
  if (isScalar(value)) return toScalar(value);
  if (Array.isArray(value) && value.every(isScalar) && new Set(value.map(typeOf)).size === 1) return toList(value);
  if (isObject(value) && value["#type"] === "sparse_vector")
    throw unimplemented(`Unimplemented: Sparse vector is not supported for local chroma: ${path.split(".").at(-1)}`);
  throw undeserializable(path, `data did not match any variant of untagged enum ${type}`);
}

function isScalar(value: unknown): value is JsonValue {
  return ["string", "boolean", "number", "bigint"].includes(typeof value) || JSON.isRawJSON(value);
}

function typeOf(value: JsonValue): string {
  return typeof value === "string" || typeof value === "boolean" ? typeof value : "number";
}

const MAX_I64 = 2n ** 63n;

/** Integers beyond 64 bits become floating-point numbers, as in Chroma. */
function toScalar(value: JsonValue): JsonValue {
  if (typeof value !== "bigint" || (value < MAX_I64 && value >= -MAX_I64)) return value;
  return floatText(value.toString());
}

/** One floating-point number in a list makes all of them floating-point. */
function toList(values: readonly JsonValue[]): JsonValue {
  const stored = values.map(toScalar);
  const hasFloat = stored.some(
    (value) => JSON.isRawJSON(value) || (typeof value === "number" && !Number.isInteger(value)),
  );
  if (!hasFloat || typeOf(values[0] as JsonValue) !== "number") return stored;
  return stored.map((value) =>
    typeof value === "bigint" || Number.isInteger(value) ? floatText(String(value)) : value,
  );
}

function floatText(integer: string): JsonValue {
  return JSON.rawJSON(`${BigInt(Number(integer))}.0`) as unknown as JsonValue;
}
