import { request, type Step } from "./step.ts";

export const CHANGES: readonly Step[] = [
  request("update metadata", "POST", "~/collections/<main>/update", {
    ids: ["m"],
    metadatas: [{ s: null, i: 2, y: "new" }],
  }),
  request("updated metadata", "POST", "~/collections/<main>/get", {
    ids: ["m"],
    include: ["documents", "metadatas", "embeddings", "uris"],
  }),
  request("update document", "POST", "~/collections/<main>/update", { ids: ["m"], documents: ["Moons"] }),
  request("update with nulls", "POST", "~/collections/<main>/update", {
    ids: ["m"],
    metadatas: [null],
    documents: [null],
    embeddings: [null],
  }),
  request("updated document", "POST", "~/collections/<main>/get", {
    ids: ["m"],
    include: ["documents", "metadatas", "embeddings", "uris"],
  }),
  request("update missing", "POST", "~/collections/<main>/update", { ids: ["none"], documents: ["x"] }),
  request("upsert", "POST", "~/collections/<main>/upsert", {
    ids: ["m", "p"],
    embeddings: [
      [1, 1, 1],
      [2, 2, 2],
    ],
    metadatas: [{ s: "again" }, { q: null, r: 1 }],
  }),
  request("upserted", "POST", "~/collections/<main>/get", {
    ids: ["m", "p"],
    include: ["documents", "metadatas", "embeddings", "uris"],
  }),
  request("upsert without embeddings", "POST", "~/collections/<main>/upsert", { ids: ["m"], documents: ["x"] }),
  request("order", "POST", "~/collections/<main>/get", { include: [] }),
  request("delete nothing", "POST", "~/collections/<main>/delete", {}),
  request("delete no ids", "POST", "~/collections/<main>/delete", { ids: [] }),
  request("delete where {}", "POST", "~/collections/<main>/delete", { where: {} }),
  request("count", "GET", "~/collections/<main>/count"),
  request("count by level", "GET", "~/collections/<main>/count?read_level=index_only"),
  request("fork", "POST", "~/collections/<main>/fork", { new_name: "@fork" }),
  request("fork_count", "GET", "~/collections/<main>/fork_count"),
  request("indexing_status", "GET", "~/collections/<main>/indexing_status"),
  request("ties: create", "POST", "~/collections", { name: "@ties" }),
  request("ties: add", "POST", "~/collections/<ties>/add", {
    ids: ["c", "b", "a", "d"],
    embeddings: [
      [1, 0],
      [1, 0],
      [1, 0],
      [0, 1],
    ],
  }),
  request("ties: query", "POST", "~/collections/<ties>/query", {
    query_embeddings: [[1, 0]],
    n_results: 3,
    include: ["distances"],
  }),
  request("zero: create", "POST", "~/collections", { name: "@zero", configuration: { hnsw: { space: "cosine" } } }),
  request("zero: add", "POST", "~/collections/<zero>/add", {
    ids: ["p", "zero", "n"],
    embeddings: [
      [3, 4],
      [0, 0],
      [-3, -4],
    ],
  }),
  request("zero: get", "POST", "~/collections/<zero>/get", { include: ["embeddings"] }),
  request("zero: query", "POST", "~/collections/<zero>/query", {
    query_embeddings: [[1, 0]],
    include: ["distances", "embeddings"],
  }),
  request("empty: create", "POST", "~/collections", { name: "@empty" }),
  request("empty: query", "POST", "~/collections/<empty>/query", { query_embeddings: [[1, 2, 3, 4]] }),
  request("empty: get", "POST", "~/collections/<empty>/get", {}),
  request("delete collection", "DELETE", "~/collections/@empty"),
  request("delete it again", "DELETE", "~/collections/@empty"),
  request("delete by id", "DELETE", "~/collections/<zero>"),
];
