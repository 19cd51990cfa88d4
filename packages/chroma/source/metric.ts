import { METRICS, type Metric } from "@cairn/core/collection/metric.ts";
import type { JsonValue } from "@cairn/core/database/json.ts";
import { parseJson } from "@cairn/core/database/json.ts";
import type { ChromaCollection } from "./described.ts";

/** Where a configuration of Chroma 1.0 and later says the metric; the first that says one counts. */
const CONFIGURED: readonly (readonly string[])[] = [
  ["hnsw", "space"],
  ["spann", "space"],
  ["vector_index", "hnsw", "space"], // as a server stores it
  ["vector_index", "spann", "space"],
];

const OF_SCHEMA: readonly (readonly string[])[] = [
  ["keys", "#embedding", "float_list", "vector_index", "config", "space"], // 1.3 and later
  ["defaults", "float_list", "vector_index", "config", "space"],
];

/**
 * The metric of a collection as Chroma describes it; `l2` is Chroma's default. From 0.5.4 to 0.6 a server wrote its
 * default into the configuration and used what the metadata says, so there the metadata comes first.
 */
export function metricOf(collection: ChromaCollection): Metric {
  const configuration = asObject(collection.configuration_json ?? collection.configuration);
  const schema = asObject(collection.schema);
  const named = [
    ...CONFIGURED.map((path) => read(configuration, path)),
    read(collection.metadata, ["hnsw:space"]),
    read(configuration, ["hnsw_configuration", "space"]), // 0.5.4 to 0.6
    ...OF_SCHEMA.map((path) => read(schema, path)),
  ];
  return named.find(isMetric) ?? "l2";
}

function isMetric(value: unknown): value is Metric {
  return (METRICS as readonly unknown[]).includes(value);
}

/** Some servers send a configuration as text. */
function asObject(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return parseJson(value) as JsonValue;
  } catch {
    return undefined;
  }
}

function read(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const key of path) {
    if (found === null || typeof found !== "object" || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}
