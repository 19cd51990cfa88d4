import { randomBytes } from "node:crypto";
import type { ChromaPeer, PeerResponse } from "./chroma-api.ts";

/** A request whose answers two servers are compared by. `~` in a path is the database, `<name>` the id of a collection. */
export interface Step {
  readonly label: string;
  readonly method: string;
  readonly path: string;
  /** A text is sent as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly type: string | null;
  /** JSON, or the text if it is none. Ids of collections and times are replaced. */
  readonly body: unknown;
}

const DATABASE = "/api/v2/tenants/default_tenant/databases/default_database";

/** Sends the steps in order. `suffix`: makes names of collections unique on a server that others use too. */
export async function runSteps(peer: ChromaPeer, steps: readonly Step[]): Promise<Readonly<Record<string, Answer>>> {
  const suffix = randomBytes(4).toString("hex");
  const ids = new Map<string, string>();
  const answers = new Map<string, Answer>();
  const fill = (text: string) =>
    text
      .replaceAll(/<(\w+)>/g, (_, name: string) => ids.get(name) ?? "")
      .replaceAll(/@(\w+)/g, (_, name: string) => `${name}-${suffix}`);
  for (const { label, method, path, body, headers } of steps) {
    const content = body === undefined ? undefined : fill(typeof body === "string" ? body : JSON.stringify(body));
    const response = await peer.request(method, fill(path.replace("~", DATABASE)), content, headers);
    const created = /"id":"([0-9a-f-]{36})","name":"(\w+)-/.exec(response.text);
    if (created?.[1] && created[2]) ids.set(created[2], created[1]);
    answers.set(label, toAnswer(response, { ids, suffix }));
  }
  return Object.fromEntries(answers);
}

function toAnswer(
  { status, type, text }: PeerResponse,
  { ids, suffix }: { readonly ids: ReadonlyMap<string, string>; readonly suffix: string },
): Answer {
  let known = text.replaceAll(`-${suffix}`, "").replaceAll(/ at line \d+ column \d+/g, "");
  for (const [name, id] of ids) known = known.replaceAll(id, `<${name}>`);
  known = known.replace(/("nanosecond heartbeat":)\d+/, "$1 0");
  return { status, type: type?.replace(/;.*/, "") ?? null, body: parse(known) };
}

/** Numbers stay texts, so that 1 and 1.0 differ. */
function parse(text: string): unknown {
  const keepNumber = (_key: string, value: unknown, context?: { readonly source?: string }) =>
    typeof value === "number" ? `#${context?.source}` : value;
  try {
    return JSON.parse(text, keepNumber);
  } catch {
    return text;
  }
}

function request(label: string, method: string, path: string, body?: unknown, headers?: Step["headers"]): Step {
  return { label, method, path, body, headers };
}

const floats = (...numbers: number[]) => Buffer.from(new Float32Array(numbers).buffer).toString("base64");

const SYSTEM: readonly Step[] = [
  request("heartbeat", "GET", "/api/v2/heartbeat"),
  request("root", "GET", "/api/v2"),
  request("version", "GET", "/api/v2/version"),
  request("pre-flight", "GET", "/api/v2/pre-flight-checks"),
  request("healthcheck", "GET", "/api/v2/healthcheck"),
  request("v1", "GET", "/api/v1/heartbeat"),
  request("v1 post", "POST", "/api/v1/collections", {}),
  request("unknown route", "GET", "/api/v2/elsewhere"),
  request("wrong method", "DELETE", "/api/v2/pre-flight-checks"),
  request("tenant", "GET", "/api/v2/tenants/default_tenant"),
  request("missing tenant", "GET", "/api/v2/tenants/someone"),
  request("short tenant", "POST", "/api/v2/tenants", { name: "me" }),
  request("database", "GET", "/api/v2/tenants/default_tenant/databases/elsewhere"),
  request("short database", "POST", "/api/v2/tenants/default_tenant/databases", { name: "d1" }),
  request("delete missing database", "DELETE", "/api/v2/tenants/default_tenant/databases/elsewhere"),
];

const COLLECTIONS: readonly Step[] = [
  request("create", "POST", "~/collections", { name: "@main" }),
  request("create again", "POST", "~/collections", { name: "@main" }),
  request("get or create", "POST", "~/collections", { name: "@main", get_or_create: true, metadata: { k: 1 } }),
  request("short name", "POST", "~/collections", { name: "x" }),
  request("two periods", "POST", "~/collections", { name: "a..b" }),
  request("ip address", "POST", "~/collections", { name: "10.0.0.1" }),
  request("empty metadata", "POST", "~/collections", { name: "@none", metadata: {} }),
  request("no name", "POST", "~/collections", {}),
  request("name of wrong type", "POST", "~/collections", { name: 5 }),
  request("malformed", "POST", "~/collections", '{"name'),
  request("text/plain", "POST", "~/collections", "{}", { "Content-Type": "text/plain" }),
  request("legacy settings", "POST", "~/collections", {
    name: "@old",
    metadata: { "hnsw:space": "ip", "hnsw:M": 12, note: "n" },
  }),
  request("settings", "POST", "~/collections", {
    name: "@set",
    metadata: { a: 1, b: "two" },
    configuration: {
      hnsw: { space: "cosine", ef_search: 40 },
      embedding_function: { type: "known", name: "openai", config: { model_name: "m" } },
    },
  }),
  request("spann", "POST", "~/collections", { name: "@span", configuration: { spann: { space: "cosine" } } }),
  request("both indexes", "POST", "~/collections", { name: "@both", configuration: { spann: {}, hnsw: {} } }),
  request("unknown setting", "POST", "~/collections", { name: "@wrong", configuration: { hnsw: { speed: 1 } } }),
  request("unknown space", "POST", "~/collections", { name: "@wrong", configuration: { hnsw: { space: "dot" } } }),
  request("by name", "GET", "~/collections/@main"),
  request("id as a name", "GET", "~/collections/<main>"),
  request("by id", "GET", "~/collections/by-id/<main>"),
  request("missing id", "GET", "~/collections/by-id/00000000-0000-4000-8000-000000000000"),
  request("missing name", "GET", "~/collections/nothing-here"),
  request("not a uuid", "GET", "~/collections/abc/count"),
  request("uuid of none", "GET", "~/collections/00000000-0000-4000-8000-000000000000/count"),
  request("limit is no number", "GET", "~/collections?limit=x"),
  request("rename", "PUT", "~/collections/<old>", { new_name: "@older" }),
  request("renamed", "GET", "~/collections/by-id/<old>"),
  request("replace metadata", "PUT", "~/collections/<set>", { new_metadata: { c: 3 } }),
  request("change configuration", "PUT", "~/collections/<set>", { new_configuration: { hnsw: { ef_search: 60 } } }),
  request("changed", "GET", "~/collections/by-id/<set>"),
  request("empty new metadata", "PUT", "~/collections/<set>", { new_metadata: {} }),
  request("null changes", "PUT", "~/collections/<set>", {
    new_name: null,
    new_metadata: null,
    new_configuration: null,
  }),
  request("no changes", "PUT", "~/collections/<set>", {}),
  request("bad new name", "PUT", "~/collections/<set>", { new_name: "-" }),
];

const WRITES: readonly Step[] = [
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

const READS: readonly Step[] = [
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

const CHANGES: readonly Step[] = [
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

/** Requests that the oldest supported server answers otherwise. */
const NEWER: readonly Step[] = [
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

const SCHEMAS: readonly Step[] = [
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

export const STEPS: readonly Step[] = [
  ...SYSTEM,
  ...COLLECTIONS,
  ...WRITES,
  ...READS,
  ...CHANGES,
  ...NEWER,
  ...SCHEMAS,
];
