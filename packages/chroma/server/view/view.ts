/** A database in the path of a request, as Chroma names it. */
export interface DatabasePath {
  readonly tenant: string;
  readonly database: string;
}

/** A collection that a credential can see. */
export interface CollectionRoute {
  /** Its name for Chroma's clients. Empty: the name that it has in its tenant. */
  readonly name: string;
  /** Id of the tenant that owns it. */
  readonly tenantId: string;
  /** The id that Chroma's clients know: the lineage of the collection, which stays when its model changes. */
  readonly collectionId: string;
}

/** A page of a list. */
export interface Page {
  readonly limit?: number;
  readonly offset?: number;
}

export interface ChromaTenant {
  readonly name: string;
  readonly resourceName: string | null;
}

export interface ChromaDatabase {
  readonly id: string;
  readonly name: string;
  readonly tenant: string;
}

/** The target of a new collection: a tenant, which exists by now, and the collection's name there. */
export interface CollectionTarget {
  readonly tenantId: string;
  readonly name: string;
}

/**
 * What a credential sees of Chroma's tenants, databases and collections, and to which tenant each name belongs. What it does
 * not see does not exist for it. Methods that change names throw `forbidden` (an HttpError) if the credential may not.
 */
export interface ChromaView {
  /** For `auth/identity`. */
  identity(): Promise<{ readonly tenant: string; readonly databases: readonly string[] }>;
  getTenant(name: string): Promise<ChromaTenant | undefined>;
  /** False: the tenant exists. */
  createTenant(name: string): Promise<boolean>;
  /** False: the tenant does not exist. */
  setResourceName(tenant: string, resourceName: string): Promise<boolean>;
  getDatabase(path: DatabasePath): Promise<ChromaDatabase | undefined>;
  /** By name. */
  listDatabases(tenant: string, page: Page): Promise<readonly ChromaDatabase[]>;
  /** False: the database exists. */
  createDatabase(path: DatabasePath): Promise<boolean>;
  /** Deletes the database with its collections. False: it does not exist. */
  deleteDatabase(path: DatabasePath): Promise<boolean>;
  /** Undefined: the database does not exist. In no particular order. */
  listCollections(path: DatabasePath): Promise<readonly CollectionRoute[] | undefined>;
  findCollection(path: DatabasePath & { readonly name: string }): Promise<CollectionRoute | undefined>;
  /** Called by every request on records: answers from a cache if it can. Undefined: not in this database, or not visible. */
  findCollectionById(path: DatabasePath, collectionId: string): Promise<CollectionRoute | undefined>;
  /** Where a new collection of this name belongs; creates the tenant if it is missing. Undefined: the database does not exist. */
  placeCollection(path: DatabasePath & { readonly name: string }): Promise<CollectionTarget | undefined>;
  /** The name that a collection has in its tenant, for a new name of the client; its tenant cannot change. */
  renamedTo(route: CollectionRoute, path: DatabasePath & { readonly name: string }): Promise<string>;
  /** Records a collection that was created or renamed. */
  register(path: DatabasePath, route: CollectionRoute): Promise<void>;
  /** Removes the record of a deleted collection. */
  unregister(path: DatabasePath, route: CollectionRoute): Promise<void>;
  /** Deletes all collections, databases and tenants that were created through this view. */
  reset(): Promise<void>;
}
