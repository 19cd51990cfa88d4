import type { Embedder } from "../embedding/embedder.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import type { Collection } from "./collection.ts";

/** The embedder of the collection's model. Throws `embedder_unavailable` if the model is unknown or not configured. */
export function collectionEmbedder({ embedders }: Services, collection: Collection): Embedder {
  if (collection.embeddingModel !== null) return embedders.get(collection.embeddingModel);
  throw new AppError(
    "embedder_unavailable",
    `The text cannot be embedded: the model of collection ${JSON.stringify(collection.name)} is unknown. ` +
      "Send vectors, set the collection's model, or embed its texts again with a known model.",
    { remedy: "name_model" },
  );
}
