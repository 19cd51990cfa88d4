import type { Embedder } from "../embedding/embedder.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import type { Collection } from "./collection.ts";

/** The embedder of the collection's model. Throws `embedder_unavailable` where it is not known or not configured. */
export function collectionEmbedder({ embedders }: Services, collection: Collection): Embedder {
  if (collection.embeddingModel !== null) return embedders.get(collection.embeddingModel);
  throw new AppError(
    "embedder_unavailable",
    `Nobody knows which model made the vectors of collection ${JSON.stringify(collection.name)}, so no text can be compared with them. ` +
      "Send vectors, name the model, or embed the texts again with a known one.",
    { remedy: "name_model" },
  );
}
