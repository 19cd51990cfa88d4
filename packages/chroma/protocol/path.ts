/** The path of a collection in Chroma. */
export interface ChromaPath {
  readonly tenant: string;
  readonly database: string;
  readonly name: string;
}

/** Chroma's default tenant and database, which contain the collections of all callers that name none. */
export const CHROMA_DEFAULTS = { tenant: "default_tenant", database: "default_database" } as const;

/** `chroma-tenant/database/name`. */
export function pathOf({ tenant, database, name }: ChromaPath): string {
  return `${tenant}/${database}/${name}`;
}
