import { type JsonValue, parseJson } from "@cairn/core/database/json.ts";
import { METRICS, type Metric } from "@cairn/core/index/metric.ts";
import type { ChromaCollection } from "./chroma-collection.ts";

/** Paths of the metric in a configuration of Chroma 1.0 and later. The first path with a metric counts. */
const CONFIGURATION_PATHS: readonly (readonly string[])[] = [
  ["hnsw", "space"],
  ["spann", "space"],
  ["vector_index", "hnsw", "space"], // as a server stores it
  ["vector_index", "spann", "space"],
];

const SCHEMA_PATHS: readonly (readonly string[])[] = [
  ["keys", "#embedding", "float_list", "vector_index", "config", "space"], // 1.3 and later
  ["defaults", "float_list", "vector_index", "config", "space"],
];

/**
 * The metric of a collection as Chroma describes it. Chroma's default is `l2`. Servers from 0.5.4 to 0.6 wrote their default
 * into the configuration but used the metric in the metadata, so for them the metadata has precedence.
 */
export function metricOf(collection: ChromaCollection): Metric {
  const configuration = asObject(collection.configuration_json ?? collection.configuration);
  const schema = asObject(collection.schema);
  const candidates = [
    ...CONFIGURATION_PATHS.map((path) => read(configuration, path)),
    read(collection.metadata, ["hnsw:space"]),
    read(configuration, ["hnsw_configuration", "space"]), // 0.5.4 to 0.6
    ...SCHEMA_PATHS.map((path) => read(schema, path)),
  ];
  return candidates.find(isMetric) ?? "l2";
}

function isMetric(value: unknown): value is Metric {
  return (METRICS as readonly unknown[]).includes(value);
}

/** Parses a configuration that some servers send as text. */
function asObject(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return parseJson(value) as JsonValue;
  } catch {
    return undefined;
  }
}

function read(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const key of path) {
    if (current === null || typeof current !== "object" || !Object.hasOwn(current, key)) return undefined;
    current = (current as Record<string, unknown>)[key];
  }
  return current;
}
