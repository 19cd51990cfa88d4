import { DEFAULT_COLLECTION } from "../collection/collection.ts";
import { ensureCollection } from "../collection/create.ts";
import { requireDefaultModel } from "../embedding/embedder.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";

/**
 * Runs work that needs a collection. If no collection is named and the tenant has no `knowledge` collection yet, creates
 * it with the default model and runs the work again. A tenant that needs only one collection does not have to create it.
 */
export async function withDefaultCollection<T>(
  { database, embedders }: Services,
  tenantId: string,
  { collection, work }: { readonly collection: string | undefined; readonly work: () => Promise<T> },
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isMissing = error instanceof AppError && error.code === "not_found";
    if (!isMissing || (collection !== undefined && collection !== DEFAULT_COLLECTION)) throw error;
    const { model: embeddingModel, dimensions } = requireDefaultModel(embedders);
    await ensureCollection(database, tenantId, { name: DEFAULT_COLLECTION, embeddingModel, dimensions });
    return work();
  }
}
