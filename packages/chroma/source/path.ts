import type { SourceCollection } from "./source.ts";

/** The path under /api/v2 of everything that concerns a collection. */
export function collectionPath({ tenant, database, id }: SourceCollection): string {
  return `/tenants/${encodeURIComponent(tenant)}/databases/${encodeURIComponent(database)}/collections/${encodeURIComponent(id)}`;
}
