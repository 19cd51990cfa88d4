import type { Database } from "@cairn/core/database/database.ts";
import { parseExactJson } from "@cairn/core/database/json.ts";
import { decodeText, encodeText } from "@cairn/core/database/text.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import { insertRoutes, readRouteById } from "../namespace/collections.ts";
import { insertDatabases, insertTenants } from "../namespace/databases.ts";
import type { NameRules } from "../namespace/name-rules.ts";
import type { ChromaPath } from "../protocol/path.ts";
import type { DatabasePath } from "../server/view/view.ts";
import { assertAnswered, type Forward } from "./forward.ts";

/** A collection as both sides know it. At least one of the ids exists. */
export interface LocatedCollection {
  readonly path: ChromaPath;
  /** Name or id of the tenant that the path stands for. */
  readonly tenant: string;
  readonly chromaId: string | undefined;
  /** The lineage in Cairn. */
  readonly cairnId: string | undefined;
}

export interface LocateContext {
  readonly database: Database;
  readonly forward: Forward;
  readonly namespaceId: string;
  readonly rules: NameRules;
}

const MAX_CACHED = 50_000;

/** Milliseconds for which the path of an id is cached. For that long a renamed collection is found under its old name too. */
const CACHE_MS = 60_000;

/** Milliseconds for which an id that does not exist is not asked for again. */
const MISS_MS = 1_000;

/** Finds collections by their ids, with a cache. Create it once for each process. */
export function createLocator() {
  const cache = new LRUCache<string, { readonly found: LocatedCollection | undefined }>({ max: MAX_CACHED });
  const searches = new Map<string, Promise<LocatedCollection | undefined>>();
  const keyOf = (namespaceId: string, { tenant, database }: DatabasePath, id: string) =>
    JSON.stringify([namespaceId, tenant, database, id]);
  return {
    /** The collection with this id in Chroma or in Cairn, if the path leads to it. Undefined: not there, or not visible. */
    async find(context: LocateContext, path: DatabasePath, id: string): Promise<LocatedCollection | undefined> {
      const key = keyOf(context.namespaceId, path, id);
      const cached = cache.get(key);
      if (cached) return cached.found;
      // Chroma's list may have to be read for an id, so requests for the same one share the search.
      const search = searches.get(key) ?? locate(context, path, id).finally(() => searches.delete(key));
      searches.set(key, search);
      const found = await search;
      cache.set(key, { found }, { ttl: found ? CACHE_MS : MISS_MS });
      return found;
    },
    /** The collection, found again if the cached one is not in both systems and may be by now. */
    async complete(
      context: LocateContext,
      { path, id }: { readonly path: DatabasePath; readonly id: string },
      located: LocatedCollection,
    ): Promise<LocatedCollection> {
      if (located.cairnId !== undefined && located.chromaId !== undefined) return located;
      const found = await findPair(context, path, id);
      if (found) cache.set(keyOf(context.namespaceId, path, id), { found }, { ttl: CACHE_MS });
      return found ?? located;
    },
    /** Forgets an id, after a request showed that it no longer exists. */
    forget: (namespaceId: string, path: DatabasePath, id: string) => void cache.delete(keyOf(namespaceId, path, id)),
  };
}

async function locate(context: LocateContext, path: DatabasePath, id: string): Promise<LocatedCollection | undefined> {
  return (
    (await findPair(context, path, id)) ??
    (await findInCairn(context, path, id)) ??
    (await findInChroma(context, path, id))
  );
}

export type Locator = ReturnType<typeof createLocator>;

interface PairRow {
  readonly tenant_id: string;
  readonly tenant_name: string;
  readonly collection_id: string;
  readonly chroma_id: string;
  readonly name: string;
  /** Of the tenant. */
  readonly namespace_id: string | null;
}

/**
 * A collection that is in both systems. Its path must stand for the tenant that owns it. Clients of another namespace with such a name
 * see it too.
 */
async function findPair(
  { database, namespaceId, rules }: LocateContext,
  path: DatabasePath,
  id: string,
): Promise<LocatedCollection | undefined> {
  const rows = await asAdmin(database, ({ orm }) =>
    orm.selectRows<PairRow>(sql`
      SELECT c.tenant_id, t.name AS tenant_name, c.collection_id, c.chroma_id, c.name, ct.namespace_id
      FROM cairn.cutover_collections AS c JOIN cairn.tenants AS t ON t.id = c.tenant_id
      LEFT JOIN cairn.cutover_tenants AS ct ON ct.tenant_id = c.tenant_id
      WHERE (c.chroma_id = ${id}::uuid OR c.collection_id = ${id}::uuid)
        AND c.chroma_tenant = ${encodeText(path.tenant)} AND c.chroma_database = ${encodeText(path.database)}`),
  );
  for (const row of rows) {
    const full = { tenant: path.tenant, database: path.database, name: decodeText(row.name) };
    const tenant = rules.find(full)?.tenant;
    if (tenant !== row.tenant_id && tenant !== row.tenant_name) continue;
    if (row.namespace_id !== namespaceId) {
      const route = { name: full.name, tenantId: row.tenant_id, collectionId: row.collection_id };
      await asAdmin(database, async ({ orm }) => {
        await insertTenants(orm, namespaceId, [full.tenant]);
        await insertDatabases(orm, namespaceId, [full]);
        await insertRoutes(orm, namespaceId, [{ path: full, route }]);
      });
    }
    return { path: full, tenant: row.tenant_id, chromaId: row.chroma_id, cairnId: row.collection_id };
  }
  return undefined;
}

/** A collection that only Cairn has so far. */
async function findInCairn(
  { database, namespaceId, rules }: LocateContext,
  path: DatabasePath,
  id: string,
): Promise<LocatedCollection | undefined> {
  const routed = await asAdmin(database, ({ orm }) => readRouteById(orm, namespaceId, id));
  if (routed?.path.tenant !== path.tenant || routed.path.database !== path.database) return undefined;
  const { path: full, route } = routed;
  return rules.find(full) && { path: full, tenant: route.tenantId, chromaId: undefined, cairnId: id };
}

/** A collection that only Chroma has. A Chroma server serves any UUID under any path, so its own path is compared. */
async function findInChroma(
  { forward, rules }: LocateContext,
  path: DatabasePath,
  id: string,
): Promise<LocatedCollection | undefined> {
  const { isSupported, name: described } = await nameById(forward, path, id);
  const name = isSupported ? described : await nameInList(forward, path, id);
  if (name === undefined) return undefined;
  const full = { tenant: path.tenant, database: path.database, name };
  const tenant = rules.find(full)?.tenant;
  return tenant === undefined ? undefined : { path: full, tenant, chromaId: id, cairnId: undefined };
}

interface Described {
  readonly id: string;
  readonly name: string;
  readonly tenant: string;
  readonly database: string;
}

export function collectionsPath({ tenant, database }: DatabasePath): string {
  return `/api/v2/tenants/${encodeURIComponent(tenant)}/databases/${encodeURIComponent(database)}/collections`;
}

/**
 * The name of a collection, undefined if the path does not lead to it. A server that is too old to be asked for an id (1.0) answers
 * 404 without a body. Throws `source_unavailable`.
 */
async function nameById(forward: Forward, path: DatabasePath, id: string) {
  const response = await forward({
    method: "GET",
    path: `${collectionsPath(path)}/by-id/${id}`,
    body: undefined,
    repeatable: true,
  });
  const bytes = await response.bytes();
  assertAnswered(response);
  if (response.status !== 200) return { isSupported: bytes.length > 0, name: undefined };
  const found = JSON.parse(bytes.toString()) as Described;
  const isHere = found.id === id && found.tenant === path.tenant && found.database === path.database;
  return { isSupported: true, name: isHere ? found.name : undefined };
}

const PAGE_SIZE = 200;

/** Pages of a list that are read for an id at most. */
const MAX_PAGES = 500;

async function nameInList(forward: Forward, path: DatabasePath, id: string): Promise<string | undefined> {
  for (let page = 0; page < MAX_PAGES; page++) {
    const list = await listPage(forward, path, { limit: PAGE_SIZE, offset: page * PAGE_SIZE });
    const found = list.find((collection) => collection.id === id);
    if (found || list.length < PAGE_SIZE) return found?.name;
  }
  return undefined;
}

/** A page of Chroma's collections. Empty if the database does not exist. Throws `source_unavailable`. */
export async function listPage(
  forward: Forward,
  path: DatabasePath,
  { limit, offset }: { readonly limit: number; readonly offset: number },
): Promise<readonly Described[]> {
  const response = await forward({
    method: "GET",
    path: `${collectionsPath(path)}?limit=${limit}&offset=${offset}`,
    body: undefined,
    repeatable: true,
  });
  const bytes = await response.bytes();
  assertAnswered(response);
  // Numbers of metadata keep their notation.
  return response.status === 200 ? (parseExactJson(bytes.toString()) as unknown as readonly Described[]) : [];
}
