import { floats, request, type Step } from "./step.ts";

export const WRITES: readonly Step[] = [
  request("add", "POST", "~/collections/<main>/add", {
    ids: ["m", "k", "z"],
    embeddings: [
      [1, 0, 0],
      [0, 1, 0.1],
      [0, 0, 1],
    ],
    documents: ["Moon", null, "Zebra"],
    metadatas: [{ s: "x", i: 1, f: 1.5, t: true }, null, {}],
    uris: ["file://m", null, null],
  }),
  request("add existing", "POST", "~/collections/<main>/add", {
    ids: ["k"],
    embeddings: [[7, 7, 7]],
    documents: ["other"],
  }),
  request("add twice", "POST", "~/collections/<main>/add", {
    ids: ["d", "d"],
    embeddings: [
      [1, 1, 1],
      [2, 2, 2],
    ],
  }),
  request("no embeddings", "POST", "~/collections/<main>/add", { ids: ["e"], documents: ["x"] }),
  request("null embeddings", "POST", "~/collections/<main>/add", { ids: ["e"], embeddings: null }),
  request("null embedding", "POST", "~/collections/<main>/add", { ids: ["e"], embeddings: [null] }),
  request("text in an embedding", "POST", "~/collections/<main>/add", { ids: ["e"], embeddings: [["a"]] }),
  request("no ids", "POST", "~/collections/<main>/add", { embeddings: [[1, 2, 3]] }),
  request("ids of wrong type", "POST", "~/collections/<main>/add", { ids: [5], embeddings: [[1, 2, 3]] }),
  request("wrong dimensions", "POST", "~/collections/<main>/add", { ids: ["e"], embeddings: [[1, 2]] }),
  request("mixed dimensions", "POST", "~/collections/<main>/add", {
    ids: ["e", "f"],
    embeddings: [
      [1, 2, 3],
      [1, 2],
    ],
  }),
  request("lengths differ", "POST", "~/collections/<main>/add", { ids: ["e", "f"], embeddings: [[1, 2, 3]] }),
  request("empty id", "POST", "~/collections/<main>/add", { ids: [""], embeddings: [[1, 2, 3]] }),
  request("empty batch", "POST", "~/collections/<main>/add", { ids: [], embeddings: [] }),
  request("null in metadata", "POST", "~/collections/<main>/add", {
    ids: ["n"],
    embeddings: [[1, 2, 3]],
    metadatas: [{ k: null }],
  }),
  request("object in metadata", "POST", "~/collections/<main>/add", {
    ids: ["n"],
    embeddings: [[1, 2, 3]],
    metadatas: [{ k: { a: 1 } }],
  }),
  request("reserved key", "POST", "~/collections/<main>/add", {
    ids: ["n"],
    embeddings: [[1, 2, 3]],
    metadatas: [{ "#k": 1 }],
  }),
  request(
    "numbers",
    "POST",
    "~/collections/<main>/add",
    '{"ids":["n"],"embeddings":[[1,2,9]],"metadatas":[{"n":9007199254740993,"d":1.0,"e":1e3,"m":-5}]}',
  ),
  request("base64", "POST", "~/collections/<main>/add", {
    ids: ["b"],
    embeddings: [floats(0.1, 0.2, 0.3)],
    documents: ["base"],
  }),
  request("short base64", "POST", "~/collections/<main>/add", { ids: ["c"], embeddings: ["AAA="] }),
  request("NaN in base64", "POST", "~/collections/<main>/add", { ids: ["c"], embeddings: [floats(Number.NaN, 0, 0)] }),
];

export const READS: readonly Step[] = [
  request("schema of written keys", "GET", "~/collections/@main"),
  request("get", "POST", "~/collections/<main>/get", {}),
  request("get everything", "POST", "~/collections/<main>/get", {
    include: ["documents", "metadatas", "embeddings", "uris"],
  }),
  request("get ids", "POST", "~/collections/<main>/get", { ids: ["z", "m", "none", "z"], include: [] }),
  request("get no ids", "POST", "~/collections/<main>/get", { ids: [], include: [] }),
  request("get a page", "POST", "~/collections/<main>/get", { limit: 2, offset: 1, include: [] }),
  request("limit 0", "POST", "~/collections/<main>/get", { limit: 0, include: [] }),
  request("limit -1", "POST", "~/collections/<main>/get", { limit: -1 }),
  request("include distances", "POST", "~/collections/<main>/get", { ids: ["k"], include: ["distances"] }),
  request("include unknown", "POST", "~/collections/<main>/get", { include: ["vectors"] }),
  request("unknown field", "POST", "~/collections/<main>/get", { ids: ["k"], other: 1, include: [] }),
  request("where null", "POST", "~/collections/<main>/get", { where: null, where_document: null, include: [] }),
  request("where {}", "POST", "~/collections/<main>/get", { where: {}, include: [] }),
  request("two keys", "POST", "~/collections/<main>/get", { where: { a: 1, b: 2 } }),
  request("empty $and", "POST", "~/collections/<main>/get", { where: { $and: [] }, include: [] }),
  request("empty $or", "POST", "~/collections/<main>/get", { where: { $or: [] }, include: [] }),
  request("$in of two types", "POST", "~/collections/<main>/get", { where: { i: { $in: [1, "x"] } } }),
  request("empty $in", "POST", "~/collections/<main>/get", { where: { i: { $in: [] } } }),
  request("$ne", "POST", "~/collections/<main>/get", { where: { i: { $ne: 1 } }, include: [] }),
  request("$gt", "POST", "~/collections/<main>/get", { where: { m: { $gt: -6 } }, include: [] }),
  request("$gt of a string", "POST", "~/collections/<main>/get", { where: { s: { $gt: "a" } } }),
  request("$contains", "POST", "~/collections/<main>/get", { where_document: { $contains: "oo" }, include: [] }),
  request("case of $contains", "POST", "~/collections/<main>/get", {
    where_document: { $contains: "MOON" },
    include: [],
  }),
  request("not $contains", "POST", "~/collections/<main>/get", {
    where_document: { $not_contains: "oo" },
    include: [],
  }),
  request("query", "POST", "~/collections/<main>/query", { query_embeddings: [[1, 0, 0]], n_results: 2 }),
  request("two queries", "POST", "~/collections/<main>/query", {
    query_embeddings: [
      [1, 0, 0],
      [0, 1, 0],
    ],
    n_results: 1,
    include: ["documents", "metadatas", "embeddings", "uris", "distances"],
  }),
  request("query for all", "POST", "~/collections/<main>/query", {
    query_embeddings: [[1, 0, 0]],
    n_results: 50,
    include: ["distances"],
  }),
  request("no results", "POST", "~/collections/<main>/query", {
    query_embeddings: [[1, 0, 0]],
    n_results: 0,
    include: [],
  }),
  request("query where none matches", "POST", "~/collections/<main>/query", {
    query_embeddings: [[1, 0, 0]],
    where: { s: "none" },
  }),
  request("query of wrong dimensions", "POST", "~/collections/<main>/query", { query_embeddings: [[1, 0]] }),
  request("no queries", "POST", "~/collections/<main>/query", { query_embeddings: [] }),
  request("no query field", "POST", "~/collections/<main>/query", {}),
  request("query in base64", "POST", "~/collections/<main>/query", { query_embeddings: [floats(1, 0, 0)] }),
];
