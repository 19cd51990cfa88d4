import type { Database } from "@cairn/core/database/database.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import type { Services } from "@cairn/core/services.ts";

/** Services over a database with the offline embedder, as they are without any key. */
export function offlineServices(database: Database): Services {
  return { database, embedders: createEmbedders({ offlineByDefault: true }) };
}
