import type { Metric } from "@cairn/core/index/metric.ts";
import { invalidArgument } from "../error.ts";
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

/** Where a schema of a client has the settings of the vectors: under their key, or under the defaults. */
const VECTOR_PATHS = [
  ["keys", "#embedding", "float_list", "vector_index", "config"],
  ["defaults", "float_list", "vector_index", "config"],
] as const;

/**
 * The `configuration` of a request that has the same settings as a client's schema. Settings of SPANN become the defaults of
 * HNSW, as on a Chroma server on one node. Throws a 400 for sparse vectors.
 */
export function configurationInSchema(schema: Body): Body {
  const all = [schema.defaults, ...Object.values(isObject(schema.keys) ? schema.keys : {})];
  if (all.some((types) => read(types, ["sparse_vector", "sparse_vector_index", "enabled"]) === true))
    throw invalidArgument(
      "Failed to reconcile schema: Invalid schema input: Sparse vector indexing is not enabled in local",
    );
  const configs = VECTOR_PATHS.map((path) => read(schema, path)).filter(isObject);
  const settingOf = (name: string) => configs.map((config) => config[name]).find((value) => value != null);
  const hnsw = settingOf("hnsw");
  const { num_threads: _threads, batch_size: _size, ...settings } = isObject(hnsw) ? hnsw : {};
  const space = settingOf("space");
  return {
    hnsw: { ...settings, ...(space === undefined ? {} : { space }) },
    embedding_function: settingOf("embedding_function") ?? null,
  };
}

/** The schema of a collection: that of its configuration, with the indexes that the client's schema enables or disables. */
export function reconcileSchema(schema: Body, configuration: Configuration, metric: Metric): Body {
  const own = schemaOf(configuration, metric);
  // The vectors of other keys keep the default settings: those of the configuration are those of `#embedding`.
  const others = schemaOf({ ...configuration, hnsw: defaultConfiguration(metric).hnsw }, metric);
  const {
    float_list: _vectors,
    sparse_vector: _sparse,
    ...defaults
  } = isObject(schema.defaults) ? schema.defaults : {};
  const { "#embedding": _embedding, ...keys } = isObject(schema.keys) ? schema.keys : {};
  const sent = read(schema, VECTOR_PATHS[1]);
  const { hnsw: _hnsw, spann: _spann, ...more } = isObject(sent) ? sent : {};
  const { vector_index: index } = others.defaults.float_list;
  const floats = { vector_index: { ...index, config: { ...index.config, ...more } } };
  return { defaults: { ...others.defaults, ...defaults, float_list: floats }, keys: { ...own.keys, ...keys } };
}

/** Whether a schema disables an index. `key`: of metadata, or `#document`. */
export function isDisabled(
  schema: unknown,
  key: string,
  [type, index]: readonly [type: string, index: string],
): boolean {
  const own = read(schema, ["keys", key, type, index, "enabled"]);
  return (own ?? read(schema, ["defaults", type, index, "enabled"])) === false;
}

function read(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((current, key) => (isObject(current) ? current[key] : undefined), value);
}
