/** What a request of Chroma's API is about, from its method and path. */
export type ChromaRequest =
  | {
      readonly kind: "tenants" | "databases";
      readonly tenant: string;
      readonly database: string;
      readonly action: string;
    }
  | {
      readonly kind: "collections";
      readonly tenant: string;
      readonly database: string;
      readonly action: "create" | "list" | "count";
    }
  | {
      readonly kind: "named";
      readonly tenant: string;
      readonly database: string;
      readonly name: string;
      readonly action: "get" | "delete";
    }
  | {
      readonly kind: "collection";
      readonly tenant: string;
      readonly database: string;
      readonly id: string;
      readonly action: CollectionAction;
    };

/** `describe`: reads the collection itself. `change`: renames it or changes its metadata. `other`: is unsupported on one node. */
export type CollectionAction =
  | "describe"
  | "change"
  | "add"
  | "upsert"
  | "update"
  | "delete"
  | "get"
  | "query"
  | "count"
  | "search"
  | "other";

export type CollectionRequest = Extract<ChromaRequest, { readonly kind: "collection" }>;
export type NamedRequest = Extract<ChromaRequest, { readonly kind: "named" }>;
export type CollectionsRequest = Extract<ChromaRequest, { readonly kind: "collections" }>;
export type DatabaseRequest = Extract<ChromaRequest, { readonly kind: "tenants" | "databases" }>;

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

const RECORD_ACTIONS: ReadonlySet<string> = new Set(["add", "upsert", "update", "delete", "get", "query", "search"]);

/** Undefined: the request is not about data, such as `auth/identity`, or it has no valid path. */
export function parseChromaRequest(method: string, path: string): ChromaRequest | undefined {
  const parts = path.split("/").slice(1).map(decodePart);
  if (parts.shift() !== "api" || parts.shift() !== "v2" || parts.shift() !== "tenants") return undefined;
  const [tenant, databases, database, collections, ...rest] = parts;
  if (tenant === undefined || databases === undefined)
    return { kind: "tenants", tenant: tenant ?? "", database: "", action: method };
  if (databases !== "databases") return undefined;
  if (collections === undefined) return { kind: "databases", tenant, database: database ?? "", action: method };
  if (database === undefined) return undefined;
  const at = { tenant, database };
  if (collections === "collections_count" && rest.length === 0) return { kind: "collections", ...at, action: "count" };
  return collections === "collections" ? parseCollection(method, at, rest) : undefined;
}

function parseCollection(
  method: string,
  at: { readonly tenant: string; readonly database: string },
  [first, second, ...rest]: readonly string[],
): ChromaRequest | undefined {
  if (first === undefined) return { kind: "collections", ...at, action: method === "POST" ? "create" : "list" };
  if (first === "by-id" && second !== undefined && method === "GET") return withId(at, second, "describe");
  if (first.includes("/")) return undefined; // no name of a collection; a proxy in between may take it for a path
  if (second === undefined) {
    if (method === "PUT") return withId(at, first, "change");
    return { kind: "named", ...at, name: first, action: method === "DELETE" ? "delete" : "get" };
  }
  if (method === "GET" && second === "count") return withId(at, first, "count");
  const isRecords = method === "POST" && rest.length === 0 && RECORD_ACTIONS.has(second);
  return withId(at, first, isRecords ? (second as CollectionAction) : "other");
}

function withId(
  at: { readonly tenant: string; readonly database: string },
  id: string,
  action: CollectionAction,
): ChromaRequest | undefined {
  if (!UUID.test(id)) return undefined;
  const hex = id.replaceAll("-", "").toLowerCase();
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return { kind: "collection", ...at, id: uuid, action };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // as the router takes it
  }
}
