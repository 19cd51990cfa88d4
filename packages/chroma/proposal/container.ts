import { CHROMA_DEFAULTS, type ChromaPath } from "../protocol/path.ts";

/** Key of the Chroma database of a collection. */
export function containerKey({ tenant, database }: ChromaPath): string {
  return JSON.stringify([tenant, database]);
}

/**
 * The tenant that the Chroma database of a collection stands for: the shortest name that is unique among the databases of
 * these collections. Undefined for Chroma's default database, which contains the collections of every caller.
 */
export function containerTenant({ tenant, database }: ChromaPath, all: readonly ChromaPath[]): string | undefined {
  const isDefaultTenant = tenant === CHROMA_DEFAULTS.tenant;
  const isDefaultDatabase = database === CHROMA_DEFAULTS.database;
  if (isDefaultTenant) return isDefaultDatabase ? undefined : database;
  const own = new Set(all.filter((other) => other.tenant === tenant).map((other) => other.database));
  if (new Set(all.map((other) => other.tenant)).size === 1 && !isDefaultDatabase) return database;
  return own.size === 1 || isDefaultDatabase ? tenant : `${tenant}/${database}`;
}
