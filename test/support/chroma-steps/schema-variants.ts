import { request, type Step } from "./step.ts";

// Which schemas set something, which can be combined with a configuration, and which are refused.

const FUNCTION = { embedding_function: { type: "known", name: "mine", config: { dim: 8 } } };
const index = (enabled: boolean, config: object = {}) => ({ enabled, config });
const vectors = (config: object, enabled = true) => ({ float_list: { vector_index: index(enabled, config) } });
const sparse = (config: object, enabled = true) => ({ sparse_vector: { sparse_vector_index: index(enabled, config) } });
const fullText = (enabled: boolean) => ({ string: { fts_index: index(enabled) } });
const integers = (enabled: boolean) => ({ int: { int_inverted_index: index(enabled) } });

/** The schema that clients send if none of its settings was changed. */
const UNCHANGED = {
  defaults: {
    string: { fts_index: index(false), string_inverted_index: index(true) },
    ...vectors({}, false),
  },
  keys: {
    "#embedding": vectors({ source_key: "#document" }),
    "#document": { string: { fts_index: index(true), string_inverted_index: index(false) } },
  },
};
const embedding = (config: object, enabled = true) => ({
  defaults: {},
  keys: { "#embedding": vectors({ source_key: "#document", ...config }, enabled) },
});
const key = (types: object, name = "year") => ({ defaults: {}, keys: { [name]: types } });
const defaults = (types: object) => ({ defaults: types, keys: {} });

const VARIANTS: Readonly<Record<string, object>> = {
  "empty, a function": { schema: { defaults: {}, keys: {} }, configuration: FUNCTION },
  "unchanged, a function": { schema: UNCHANGED, configuration: FUNCTION },
  "unchanged, hnsw": { schema: UNCHANGED, configuration: { hnsw: { space: "cosine", ef_search: 50 } } },
  "unchanged, spann": { schema: UNCHANGED, configuration: { spann: { space: "cosine" } } },
  "unchanged, space in metadata": { schema: UNCHANGED, metadata: { "hnsw:space": "cosine" } },
  "own function, a function": {
    schema: embedding({ embedding_function: { type: "known", name: "x", config: {} } }),
    configuration: FUNCTION,
  },
  "default function, a function": {
    schema: embedding({ embedding_function: { type: "known", name: "default", config: {} } }),
    configuration: FUNCTION,
  },
  "default space, hnsw": { schema: embedding({ space: "l2" }), configuration: { hnsw: { ef_search: 50 } } },
  "other space, hnsw": { schema: embedding({ space: "cosine" }), configuration: { hnsw: { ef_search: 50 } } },
  "default hnsw, a function": { schema: embedding({ hnsw: { ef_search: 100 } }), configuration: FUNCTION },
  "other hnsw, a function": { schema: embedding({ hnsw: { ef_search: 90 } }), configuration: FUNCTION },
  "default spann, a function": { schema: embedding({ spann: { search_nprobe: 64 } }), configuration: FUNCTION },
  "other spann, a function": { schema: embedding({ spann: { search_nprobe: 32 } }), configuration: FUNCTION },
  "vectors disabled, a function": { schema: embedding({}, false), configuration: FUNCTION },
  "a key, a function": { schema: key(integers(false)), configuration: FUNCTION },
  "a key, unknown function": {
    schema: key(integers(false)),
    configuration: { embedding_function: { type: "unknown" } },
  },
  "integers enabled, a function": { schema: defaults(integers(true)), configuration: FUNCTION },
  "integers disabled, a function": { schema: defaults(integers(false)), configuration: FUNCTION },
  "texts enabled, a function": { schema: key(fullText(true), "#document"), configuration: FUNCTION },
  "texts disabled, a function": { schema: key(fullText(false), "#document"), configuration: FUNCTION },
  "vectors by default": { schema: defaults(vectors({})) },
  "two vector indexes": { schema: defaults(vectors({ hnsw: {}, spann: {} }, false)) },
  "sparse vectors by default": { schema: defaults(sparse({})) },
  "texts by default": { schema: defaults(fullText(true)) },
  "reserved key": { schema: key({ string: {} }, "#x") },
  "integers of the document": { schema: key({ int: {} }, "#document") },
  "integers of the embedding": { schema: key({ int: {} }, "#embedding") },
  "vectors of a key": { schema: key(vectors({})) },
  "vectors of another source": { schema: embedding({ source_key: "other" }) },
  "texts of a key": { schema: key(fullText(true)) },
  "strings of the document": { schema: key({ string: { string_inverted_index: index(true) } }, "#document") },
  "sparse vectors of a reserved source": { schema: key(sparse({ source_key: "#x" }, false)) },
  "sparse vectors without a function": { schema: key(sparse({ source_key: "x" })) },
};

export const SCHEMA_VARIANTS: readonly Step[] = Object.entries(VARIANTS).map(([label, body], at) =>
  request(`schema: ${label}`, "POST", "~/collections", { name: `@variant${at}`, ...body }),
);
