import type { Metric } from "@cairn/core/index/metric.ts";
import type { Body } from "../request/body.ts";
import { isObject } from "../request/fields.ts";
import { type Configuration, defaultConfiguration } from "./configuration.ts";

/** Settings of Chroma's index that a schema has and a configuration does not. */
const BUILD = { num_threads: 2, batch_size: 100 };

/** The schema of a collection that was created without one: that of a Chroma server with the same configuration. */
export function schemaOf({ hnsw, embedding_function: embeddingFunction }: Configuration, metric: Metric) {
  const { space, ef_construction, max_neighbors, ef_search, sync_threshold, resize_factor } =
    hnsw ?? defaultConfiguration(metric).hnsw;
  const index = { ef_construction, max_neighbors, ef_search, ...BUILD, sync_threshold, resize_factor };
  const named = embeddingFunction ? { embedding_function: embeddingFunction } : {};
  const inverted = (enabled: boolean) => ({ enabled, config: {} });
  return {
    defaults: {
      string: { fts_index: inverted(false), string_inverted_index: inverted(true) },
      float_list: { vector_index: { enabled: false, config: { space, ...named, hnsw: index } } },
      sparse_vector: {
        sparse_vector_index: { enabled: false, config: { embedding_function: { type: "unknown" }, bm25: false } },
      },
      int: { int_inverted_index: inverted(true) },
      float: { float_inverted_index: inverted(true) },
      bool: { bool_inverted_index: inverted(true) },
    },
    keys: {
      "#embedding": {
        float_list: {
          vector_index: { enabled: true, config: { space, ...named, source_key: "#document", hnsw: index } },
        },
      },
      "#document": { string: { fts_index: inverted(true), string_inverted_index: inverted(false) } },
    },
  };
}

/** Where a schema of a client has the metric: under the key of the vectors, or under the defaults. */
const SPACE_PATHS = [
  ["keys", "#embedding", "float_list", "vector_index", "config", "space"],
  ["defaults", "float_list", "vector_index", "config", "space"],
] as const;

/** The metric that a schema names. */
export function schemaSpace(schema: Body): Metric | undefined {
  for (const path of SPACE_PATHS) {
    const space = path.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), schema);
    if (space === "l2" || space === "cosine" || space === "ip") return space;
  }
  return undefined;
}
