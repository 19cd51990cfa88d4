import type { Database } from "./database/database.ts";
import type { Embedders } from "./embedding/embedder.ts";

/** What the knowledge base stands on; made once at the entry and handed down. */
export interface Services {
  readonly database: Database;
  readonly embedders: Embedders;
}
