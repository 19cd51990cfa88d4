import type { SourceCollection } from "./source.ts";

/** Where Chroma keeps a collection. */
export type SourcePath = Pick<SourceCollection, "tenant" | "database" | "name">;

/** `chroma-tenant/database/name`. */
export function pathOf({ tenant, database, name }: SourcePath): string {
  return `${tenant}/${database}/${name}`;
}

/**
 * A label for each of these collections: its name, or its path where another one in another tenant or database has the
 * same name. A label of one collection is never the label of another.
 */
export function labelCollections(collections: readonly SourcePath[]): (collection: SourcePath) => string {
  const paths = new Map<string, Set<string>>();
  for (const collection of collections) {
    const known = paths.get(collection.name) ?? new Set();
    paths.set(collection.name, known.add(pathOf(collection)));
  }
  return (collection) => ((paths.get(collection.name)?.size ?? 0) > 1 ? pathOf(collection) : collection.name);
}
