import { sql } from "drizzle-orm";
import type { Database } from "../database/database.ts";
import { decodeJson, type JsonValue } from "../database/json.ts";
import { asTenant } from "../database/transaction.ts";
import { inCollection } from "./collection.ts";
import { requireCollection } from "./get.ts";

export interface MetadataKeys {
  /** Documents that were read: the newest ones, at most 1,000. */
  readonly sampled: number;
  /** The most frequent keys first, at most 100. */
  readonly keys: readonly MetadataKey[];
}

export interface MetadataKey {
  readonly key: string;
  /** Sampled documents with the key. */
  readonly documents: number;
  /** JSON types of its values. */
  readonly types: readonly MetadataType[];
  /** The smallest and the largest number. Null: no value is a number. */
  readonly minimum: number | bigint | null;
  readonly maximum: number | bigint | null;
  /** The most frequent values first. Items of a list count as values. */
  readonly values: readonly { readonly value: JsonValue; readonly count: number }[];
}

type MetadataType = "string" | "number" | "boolean" | "array" | "object" | "null";

/** Newest documents whose metadata is read. */
const SAMPLE = 1_000;

/** Maximum bytes of a document's metadata as it is stored. Larger metadata is not read. */
const MAX_METADATA_BYTES = 8_192;

const MAX_KEYS = 100;

/** Maximum characters of a value as JSON. Longer ones are no choice for a filter. */
const MAX_VALUE_LENGTH = 200;

/**
 * The keys and the frequent values in the metadata of the newest documents of a collection. It reads at most 1,000 documents
 * through an index, so its time does not depend on the size of the collection. Throws `not_found`.
 */
export function listMetadataKeys(
  database: Database,
  tenantId: string,
  { collection: name, values = 20 }: { readonly collection?: string; readonly values?: number } = {},
): Promise<MetadataKeys> {
  return asTenant(database, tenantId, async ({ orm }) => {
    const collection = await requireCollection(orm, tenantId, name);
    const [row] = await orm.selectRows<{ sampled: number; keys: readonly string[] }>(sql`
      WITH sample AS MATERIALIZED (
        SELECT CASE WHEN pg_column_size(metadata) <= ${MAX_METADATA_BYTES}::int THEN metadata ELSE '{}' END AS metadata
        FROM cairn.documents
        WHERE ${inCollection(collection)} AND chunk = 0
        ORDER BY sequence DESC NULLS LAST, id DESC
        LIMIT ${SAMPLE}::int
      ), pairs AS MATERIALIZED (
        SELECT key, value, jsonb_typeof(value) AS type FROM sample CROSS JOIN jsonb_each(metadata)
      ), keys AS MATERIALIZED (
        SELECT key, count(*) AS documents, jsonb_agg(DISTINCT type ORDER BY type) AS types,
               min(CASE type WHEN 'number' THEN value::numeric END) AS minimum,
               max(CASE type WHEN 'number' THEN value::numeric END) AS maximum
        FROM pairs GROUP BY key ORDER BY documents DESC, key LIMIT ${MAX_KEYS}::int
      ), items AS (
        SELECT key, value AS item FROM pairs
        UNION ALL
        SELECT key, item FROM pairs
        CROSS JOIN jsonb_array_elements(CASE type WHEN 'array' THEN value ELSE '[]' END) AS item
      ), counted AS (
        SELECT key, item, count(*) AS count,
               row_number() OVER (PARTITION BY key ORDER BY count(*) DESC, item) AS place
        FROM items
        WHERE jsonb_typeof(item) IN ('string', 'number', 'boolean')
          AND length(item::text) <= ${MAX_VALUE_LENGTH}::int
        GROUP BY key, item
      ), frequent AS (
        SELECT key, jsonb_agg(jsonb_build_object('value', item, 'count', count) ORDER BY place) AS values
        FROM counted WHERE place <= ${values}::int GROUP BY key
      )
      SELECT (SELECT count(*) FROM sample)::float8 AS sampled,
             ARRAY(SELECT jsonb_build_object('key', key, 'documents', documents, 'types', types, 'minimum', minimum,
                            'maximum', maximum, 'values', coalesce(values, '[]'))::text
                   FROM keys LEFT JOIN frequent USING (key) ORDER BY documents DESC, key) AS keys`);
    const keys = row?.keys.map((entry) => decodeJson(entry) as unknown as MetadataKey) ?? [];
    return { sampled: row?.sampled ?? 0, keys };
  });
}
