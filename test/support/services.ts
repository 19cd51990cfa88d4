import type { Database } from "@cairn/core/database/database.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import type { Services } from "@cairn/core/services.ts";

/** Services with the offline embedder, as without an API key. */
export function offlineServices(database: Database): Services {
  return { database, embedders: createEmbedders({ defaultModel: "offline/words" }) };
}
