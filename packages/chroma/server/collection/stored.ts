import { decodeJson, type JsonObject, parseExactJson, stringifyJson } from "@cairn/core/database/json.ts";
import type { Metric } from "@cairn/core/index/metric.ts";
import type { Body } from "../request/body.ts";
import { type Configuration, defaultConfiguration } from "./configuration.ts";
import { schemaOf } from "./schema.ts";

/** Types of metadata values in a schema. */
export type ValueType = "string" | "int" | "float" | "bool";

/** What Cairn stores of a collection for Chroma's clients, in `collections.attributes` under `chroma`. */
export interface ChromaAttributes {
  readonly configuration?: Configuration;
  /** As the client sent it. Default: the schema that follows from the configuration. */
  readonly schema?: unknown;
  /** Keys of metadata that clients have written, as `type:key`. */
  readonly keys?: Readonly<Record<`${ValueType}:${string}`, true>>;
  /** Whether a zero vector was stored, see `checkVectors`. */
  readonly zeroVectors?: boolean;
}

/** The attributes of a collection. A collection that no client of Chroma has created has none. */
export function chromaAttributes(attributes: JsonObject): ChromaAttributes {
  return (attributes.chroma ?? {}) as ChromaAttributes;
}

/** A collection's row, with metadata and attributes as text. */
export interface StoredCollection {
  readonly id: string;
  readonly lineage: string;
  readonly name: string;
  readonly dimensions: number | null;
  readonly metric: Metric;
  readonly metadata: string;
  readonly attributes: string;
}

export function configurationOf(metric: Metric, { configuration }: ChromaAttributes): Configuration {
  const defaults = defaultConfiguration(metric);
  if (!configuration) return defaults;
  const { hnsw } = configuration;
  return { ...defaults, ...configuration, hnsw: hnsw && { ...defaults.hnsw, ...hnsw } }; // in the order of a Chroma server
}

export interface Place {
  readonly tenant: string;
  readonly database: string;
  /** The name for Chroma's clients. */
  readonly name: string;
}

export interface DescribeOptions {
  /** For Python clients 0.5 and 0.6, which require `_type` and do not know `schema`. */
  readonly legacy: boolean;
}

/** The JSON of a collection in a response. */
export function collectionJson(stored: StoredCollection, place: Place, { legacy }: DescribeOptions): string {
  const attributes = chromaAttributes(decodeJson(stored.attributes, parseExactJson));
  const configuration = configurationOf(stored.metric, attributes);
  const metadata = decodeJson(stored.metadata, parseExactJson);
  return stringifyJson({
    id: stored.lineage,
    name: place.name,
    configuration_json: legacy ? { ...configuration, _type: "CollectionConfigurationInternal" } : configuration,
    ...(legacy ? {} : { schema: schemaWithKeys(attributes, configuration, stored.metric) }),
    metadata: Object.keys(metadata).length > 0 ? metadata : null,
    dimension: stored.dimensions,
    tenant: place.tenant,
    database: place.database,
    log_position: 0,
    version: 0,
  });
}

/** The schema of a collection, with the keys that clients have written: they have the default indexes of their types. */
function schemaWithKeys(attributes: ChromaAttributes, configuration: Configuration, metric: Metric): Body {
  const schema = (attributes.schema ?? schemaOf(configuration, metric)) as SchemaBody;
  const keys = new Map(Object.entries(schema.keys));
  for (const noted of Object.keys(attributes.keys ?? {})) {
    const [type = "", key = ""] = splitAt(noted, noted.indexOf(":"));
    keys.set(key, { [type]: schema.defaults[type], ...keys.get(key) });
  }
  return { ...schema, keys: Object.fromEntries(keys) }; // also a key such as __proto__
}

interface SchemaBody extends Body {
  readonly defaults: Body;
  readonly keys: Readonly<Record<string, Body>>;
}

function splitAt(text: string, index: number): readonly [string, string] {
  return [text.slice(0, index), text.slice(index + 1)];
}
