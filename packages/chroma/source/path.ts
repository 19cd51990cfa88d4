import type { SourceCollection } from "./source.ts";

/** The path of a collection under /api/v2. */
export function collectionPath({ tenant, database, id }: SourceCollection): string {
  return `/tenants/${encodeURIComponent(tenant)}/databases/${encodeURIComponent(database)}/collections/${encodeURIComponent(id)}`;
}
