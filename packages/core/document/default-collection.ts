import { DEFAULT_COLLECTION } from "../collection/collection.ts";
import { ensureCollection } from "../collection/create.ts";
import { requireDefaultModel } from "../embedding/embedder.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";

/**
 * Does what needs a collection; where none is named and the tenant has none yet, makes `knowledge` with the service's
 * default model first: a tenant that needs only one never meets the word.
 */
export async function inDefaultCollection<T>(
  { database, embedders }: Services,
  tenantId: string,
  { collection, work }: { readonly collection: string | undefined; readonly work: () => Promise<T> },
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const missing = error instanceof AppError && error.code === "not_found";
    if (!missing || (collection !== undefined && collection !== DEFAULT_COLLECTION)) throw error;
    const { model: embeddingModel, dimensions } = requireDefaultModel(embedders);
    await ensureCollection(database, tenantId, { name: DEFAULT_COLLECTION, embeddingModel, dimensions });
    return work();
  }
}
