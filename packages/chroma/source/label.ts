import { type ChromaPath, pathOf } from "../protocol/path.ts";

/**
 * Returns a unique label for each of these collections: its name, or its path if a collection in another tenant or database
 * has the same name.
 */
export function labelCollections(collections: readonly ChromaPath[]): (collection: ChromaPath) => string {
  const paths = new Map<string, Set<string>>();
  for (const collection of collections) {
    const sameName = paths.get(collection.name) ?? new Set();
    paths.set(collection.name, sameName.add(pathOf(collection)));
  }
  return (collection) => ((paths.get(collection.name)?.size ?? 0) > 1 ? pathOf(collection) : collection.name);
}
