import { embeddingConfig } from "@cairn/api/settings/embedding-config.ts";
import { rerankerOf } from "@cairn/api/settings/rerank-config.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import type { Services } from "@cairn/core/services.ts";
import type { Settings } from "./settings.ts";

/** The services of the core: the database, the embedders and the rerank server from the settings. */
export function createServices(settings: Settings, database: Database): Services {
  return { database, embedders: createEmbedders(embeddingConfig(settings)), reranker: rerankerOf(settings) };
}
