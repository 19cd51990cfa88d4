import type { Database } from "@cairn/core/database/database.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import type { Services } from "@cairn/core/services.ts";
import type { Settings } from "./settings.ts";

/** The services of the core: the database and the embedders from the settings. */
export function createServices(settings: Settings, database: Database): Services {
  const { openaiApiKey, openaiBaseUrl } = settings;
  const openai =
    openaiApiKey || openaiBaseUrl ? { apiKey: openaiApiKey ?? "none", baseUrl: openaiBaseUrl } : undefined;
  const embedders = createEmbedders({
    openai,
    defaultModel: settings.embeddingModel,
    defaultDimensions: settings.embeddingDimensions,
    requests: { maxInputs: settings.embeddingMaxInputs, maxTextTokens: settings.embeddingMaxTokens },
  });
  return { database, embedders };
}
