import { type Collection, isCollection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { encodeJson, type JsonValue } from "@cairn/core/database/json.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import type { RecordInput } from "@cairn/core/record/record.ts";
import { sql } from "drizzle-orm";
import { chromaAttributes, type ValueType } from "../collection/stored.ts";

/** Keys that are noted for a collection. Further keys, as of a client that writes new ones with every record, are not listed. */
const MAX_KEYS = 1_000;

/** Characters of a noted key. */
const MAX_LENGTH = 256;

/**
 * Notes the keys of metadata and their types for the collection's schema, which lists them as a Chroma server does. Usually
 * all are known. Returns whether the collection was changed. Not part of the transaction that writes the records, so that
 * writers do not wait for each other.
 */
export async function noteKeys(
  database: Database,
  collection: Collection,
  records: readonly RecordInput[],
): Promise<boolean> {
  const { keys: known = {} } = chromaAttributes(collection.attributes);
  const found = new Set<string>();
  for (const { metadata } of records)
    for (const [key, value] of Object.entries(metadata))
      if (key.length <= MAX_LENGTH) found.add(`${valueType(value)}:${key}`);
  const room = Math.max(0, MAX_KEYS - Object.keys(known).length);
  const fresh = [...found].filter((key) => !Object.hasOwn(known, key)).slice(0, room);
  if (fresh.length === 0) return false;
  const added = encodeJson(Object.fromEntries(fresh.map((key) => [key, true])));
  await asTenant(database, collection.tenantId, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.collections SET attributes = jsonb_set(
        jsonb_set(attributes, '{chroma}', coalesce(attributes->'chroma', '{}')),
        '{chroma,keys}', coalesce(attributes->'chroma'->'keys', '{}') || ${added}::jsonb)
      WHERE ${isCollection(collection)} AND NOT coalesce(attributes->'chroma'->'keys' @> ${added}::jsonb, false)
        AND ${fresh.length}::int + (SELECT count(*) FROM jsonb_object_keys(coalesce(attributes->'chroma'->'keys', '{}'))) <= ${MAX_KEYS}::int`),
  );
  return true;
}

/** The type of a value, or of the elements of a list, in a schema. */
function valueType(value: JsonValue): ValueType {
  if (Array.isArray(value)) return valueType(value[0] as JsonValue);
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  return typeof value === "bigint" || Number.isInteger(value) ? "int" : "float";
}
