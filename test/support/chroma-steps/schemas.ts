import { request, type Step } from "./step.ts";

/** Requests that the oldest supported server answers otherwise. */
export const NEWER: readonly Step[] = [
  request("lists", "POST", "~/collections/<main>/add", {
    ids: ["l"],
    embeddings: [[1, 2, 4]],
    metadatas: [{ t: ["a", "b"], n: [1, 2], f: [1.5], b: [true] }],
  }),
  request("empty list", "POST", "~/collections/<main>/add", {
    ids: ["l0"],
    embeddings: [[1, 2, 5]],
    metadatas: [{ t: [] }],
  }),
  request("get lists", "POST", "~/collections/<main>/get", { ids: ["l", "l0"], include: ["metadatas"] }),
  request("list $contains", "POST", "~/collections/<main>/get", {
    where: { t: { $contains: "a" } },
    include: ["metadatas"],
  }),
  request("sparse vector", "POST", "~/collections/<main>/add", {
    ids: ["sv"],
    embeddings: [[1, 2, 6]],
    metadatas: [{ sv: { "#type": "sparse_vector", indices: [1], values: [0.5] } }],
  }),
  request("$regex", "POST", "~/collections/<main>/get", { where_document: { $regex: "^M.*n$" }, include: [] }),
  request("#document", "POST", "~/collections/<main>/get", {
    where: { "#document": { $contains: "oo" } },
    include: [],
  }),
  request("delete some", "POST", "~/collections/<main>/delete", { ids: ["k", "m"], where: { s: "again" } }),
  request("delete the first", "POST", "~/collections/<main>/delete", { where: { i: { $ne: 77 } }, limit: 1 }),
  request("limit without where", "POST", "~/collections/<main>/delete", { ids: ["k"], limit: 1 }),
  request("delete missing", "POST", "~/collections/<main>/delete", { ids: ["none"] }),
  request("order after deletes", "POST", "~/collections/<main>/get", { include: [] }),
];

const VECTORS = (more: object = {}) => ({
  enabled: true,
  config: {
    space: "cosine",
    source_key: "#document",
    embedding_function: { type: "known", name: "mine", config: { n: 6 } },
    ...more,
  },
});
const schemaWith = (keys: object, strings = true) => ({
  defaults: {
    string: { fts_index: { enabled: false, config: {} }, string_inverted_index: { enabled: strings, config: {} } },
    float_list: { vector_index: { ...VECTORS(), enabled: false } },
    sparse_vector: { sparse_vector_index: { enabled: false, config: {} } },
    int: { int_inverted_index: { enabled: true, config: {} } },
    float: { float_inverted_index: { enabled: true, config: {} } },
    bool: { bool_inverted_index: { enabled: true, config: {} } },
  },
  keys: {
    "#document": {
      string: { fts_index: { enabled: true, config: {} }, string_inverted_index: { enabled: false, config: {} } },
    },
    "#embedding": { float_list: { vector_index: VECTORS() } },
    ...keys,
  },
});
const DISABLED = { string: { string_inverted_index: { enabled: false, config: {} } } };

export const SCHEMAS: readonly Step[] = [
  request("space in metadata", "POST", "~/collections", { name: "@bad", metadata: { "hnsw:space": "dot" } }),
  request("setting in metadata", "POST", "~/collections", { name: "@bad", metadata: { "hnsw:M": 1.5 } }),
  request("schema with hnsw", "POST", "~/collections", {
    name: "@hnsw",
    schema: schemaWith({
      "#embedding": { float_list: { vector_index: VECTORS({ hnsw: { ef_search: 50, max_neighbors: 20 } }) } },
    }),
  }),
  request("schema with spann", "POST", "~/collections", {
    name: "@spanned",
    schema: schemaWith({ "#embedding": { float_list: { vector_index: VECTORS({ spann: { search_nprobe: 16 } }) } } }),
    configuration: { hnsw: { space: "ip" } },
  }),
  request("schema with sparse vectors", "POST", "~/collections", {
    name: "@bad",
    schema: schemaWith({ s: { sparse_vector: { sparse_vector_index: { enabled: true, config: {} } } } }),
  }),
  request("schema without an index", "POST", "~/collections", {
    name: "@lean",
    schema: schemaWith({ secret: DISABLED }),
  }),
  request("lean: add", "POST", "~/collections/<lean>/add", {
    ids: ["a"],
    embeddings: [[1, 2]],
    metadatas: [{ secret: "s", open: "o" }],
  }),
  request("lean: disabled key", "POST", "~/collections/<lean>/get", {
    where: { $and: [{ open: "o" }, { secret: { $in: ["s"] } }] },
  }),
  request("lean: other type", "POST", "~/collections/<lean>/get", { where: { secret: 1 } }),
  request("lean: other key", "POST", "~/collections/<lean>/get", { where: { open: "o" } }),
  request("lean: query", "POST", "~/collections/<lean>/query", { query_embeddings: [[1, 2]], where: { secret: "s" } }),
  request("lean: delete", "POST", "~/collections/<lean>/delete", { where: { secret: "s" } }),
  request("schema without an index of texts", "POST", "~/collections", {
    name: "@numbers",
    schema: schemaWith({}, false),
  }),
  request("numbers: disabled type", "POST", "~/collections/<numbers>/get", { where: { any: { $ne: "x" } } }),
  request("numbers: other type", "POST", "~/collections/<numbers>/get", { where: { any: { $gt: 1 } } }),
];
