import type { Body } from "../request/body.ts";
import { isObject } from "../request/fields.ts";
import { isDefaultFunction } from "./configuration.ts";

// Source of the rules and values: Chroma 1.5, rust/types/src/collection_schema.rs and spann_configuration.rs.

/** Whether each index of a value type is enabled if a schema does not say so. */
type Enabled = Readonly<Record<string, Readonly<Record<string, boolean>>>>;

const DEFAULTS: Enabled = {
  string: { string_inverted_index: true, fts_index: false },
  float_list: { vector_index: false },
  sparse_vector: { sparse_vector_index: false },
  int: { int_inverted_index: true },
  float: { float_inverted_index: true },
  bool: { bool_inverted_index: true },
};
const KEYS: Readonly<Record<string, Enabled>> = {
  "#document": { string: { fts_index: true, string_inverted_index: false } },
  "#embedding": { float_list: { vector_index: true } },
};

const HNSW = {
  ef_construction: 100,
  max_neighbors: 16,
  ef_search: 100,
  batch_size: 100,
  sync_threshold: 1000,
  resize_factor: 1.2,
};
const SPANN = {
  search_nprobe: 64,
  search_rng_factor: 1,
  search_rng_epsilon: 10,
  nreplica_count: 8,
  write_rng_factor: 1,
  write_rng_epsilon: 5,
  split_threshold: 50,
  num_samples_kmeans: 1000,
  initial_lambda: 100,
  reassign_neighbor_count: 64,
  merge_threshold: 25,
  num_centers_to_merge_to: 8,
  write_nprobe: 32,
  ef_construction: 200,
  ef_search: 200,
  max_neighbors: 64,
};

/** Whether a schema sets nothing but defaults, as that of clients that add an embedding function to an empty one. */
export function isDefaultSchema({ defaults, keys, cmek }: Body): boolean {
  const named = isObject(keys) ? Object.entries(keys) : [];
  return (
    cmek == null &&
    isDefaultTypes(defaults, DEFAULTS) &&
    named.every(([key, types]) => {
      const expected = KEYS[key];
      return expected !== undefined && isDefaultTypes(types, expected, key);
    })
  );
}

function isDefaultTypes(types: unknown, expected: Enabled, key?: string): boolean {
  return entries(types).every(([type, indexes]) =>
    entries(indexes).every(([name, index]) => {
      const enabled = expected[type]?.[name];
      return isObject(index) && index.enabled === enabled && isDefaultConfig(index.config, key);
    }),
  );
}

/** Whether the settings of an index are the default ones: that of `#embedding` also has the source of its vectors. */
function isDefaultConfig(config: unknown, key: string | undefined): boolean {
  if (!isObject(config)) return true;
  const { space, embedding_function, source_key, hnsw, spann, bm25 } = config;
  return (
    (space == null || space === "l2") &&
    (embedding_function == null || isDefaultFunction(embedding_function)) &&
    (key === "#embedding" ? source_key === "#document" : source_key == null) &&
    (bm25 == null || bm25 === false) &&
    !(hnsw != null && spann != null) &&
    hasDefaults(hnsw, HNSW) &&
    hasDefaults(spann, SPANN)
  );
}

function hasDefaults(settings: unknown, defaults: Readonly<Record<string, number>>): boolean {
  return entries(settings).every(([name, value]) => defaults[name] === undefined || Number(value) === defaults[name]);
}

/** The entries of an object that have a value; none of anything else. */
function entries(value: unknown): readonly (readonly [string, unknown])[] {
  return isObject(value) ? Object.entries(value).filter(([, entry]) => entry != null) : [];
}
