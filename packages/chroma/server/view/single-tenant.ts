import { listCollections } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import { cachedTarget } from "@cairn/core/search/read-target.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import { LRUCache } from "lru-cache";
import { findByName } from "../collection/load.ts";
import { ChromaError } from "../error.ts";
import { resetTenant } from "./reset.ts";
import type { ChromaView, CollectionRoute, DatabasePath } from "./view.ts";

/** The names that Chroma's clients use if none is configured. */
const DEFAULT_TENANT = "default_tenant";
const DEFAULT_DATABASE = "default_database";

/** Names of tenants that are cached, and for how many milliseconds: a tenant can be renamed. */
const nameCache = new LRUCache<string, string>({ max: 10_000, ttl: 60_000 });

/**
 * What a tenant's key sees: its tenant, under its own name, its id or `default_tenant`, with the database `default_database`.
 * No other tenant or database exists for it.
 */
export function singleTenantView(database: Database, tenantId: string): ChromaView {
  const isOwnTenant = async (name: string) =>
    name === DEFAULT_TENANT || name === tenantId || name === (await tenantName(database, tenantId));
  const isOwn = async (path: DatabasePath) => path.database === DEFAULT_DATABASE && (await isOwnTenant(path.tenant));
  return {
    async identity() {
      const name = await tenantName(database, tenantId);
      // A name that is not one of Chroma's cannot be part of a path.
      return { tenant: /^[\w.-]{3,}$/.test(name) ? name : tenantId, databases: [DEFAULT_DATABASE] };
    },
    getTenant: async (name) => ((await isOwnTenant(name)) ? { name, resourceName: null } : undefined),
    createTenant: async (name) => ((await isOwnTenant(name)) ? false : refuse("create a tenant")),
    setResourceName: async (name) => ((await isOwnTenant(name)) ? refuse("change the tenant") : false),
    getDatabase: async (path) => ((await isOwn(path)) ? ownDatabase(path) : undefined),
    listDatabases: async (tenant, { limit = 1, offset = 0 }) =>
      (await isOwnTenant(tenant)) && limit > 0 && offset === 0
        ? [ownDatabase({ tenant, database: DEFAULT_DATABASE })]
        : [],
    createDatabase: async (path) => ((await isOwn(path)) ? false : refuse("create a database")),
    deleteDatabase: async (path) => ((await isOwn(path)) ? refuse("delete its database") : false),
    listCollections: async (path) => ((await isOwn(path)) ? ownCollections() : undefined),
    findCollection: async ({ name, ...path }) =>
      (await isOwn(path)) ? findByName(database, tenantId, name) : undefined,
    findCollectionById: async (path, collectionId) => ((await isOwn(path)) ? findById(collectionId) : undefined),
    placeCollection: async ({ name, ...path }) => ((await isOwn(path)) ? { tenantId, name } : undefined),
    renamedTo: async (_, { name }) => name,
    register: async () => {},
    unregister: async () => {},
    reset: () => resetTenant(database, tenantId),
  };

  function ownDatabase(path: DatabasePath) {
    return { id: tenantId, name: path.database, tenant: path.tenant };
  }

  async function ownCollections(): Promise<readonly CollectionRoute[]> {
    const all = await listCollections(database, tenantId);
    return all
      .filter(({ replacedBy }) => replacedBy === null)
      .map(({ name, lineage }) => ({ name, tenantId, collectionId: lineage }));
  }

  async function findById(collectionId: string): Promise<CollectionRoute | undefined> {
    try {
      const { collection } = await cachedTarget(database, tenantId, collectionId);
      return collection.lineage === collectionId ? { name: "", tenantId, collectionId } : undefined;
    } catch (error) {
      if (error instanceof AppError && error.code === "not_found") return undefined;
      throw error;
    }
  }
}

async function tenantName(database: Database, tenantId: string): Promise<string> {
  const cached = nameCache.get(tenantId);
  if (cached !== undefined) return cached;
  const { name } = await getTenant(database, tenantId);
  nameCache.set(tenantId, name);
  return name;
}

function refuse(action: string): never {
  throw new ChromaError(
    403,
    "ChromaError",
    `Permission denied. The key of a tenant cannot ${action}: it sees one tenant with one database. Use a namespace key.`,
  );
}
