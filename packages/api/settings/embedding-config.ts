import type { EmbeddingConfig } from "@cairn/core/embedding/embedders.ts";
import type { SettingValues } from "./setting.ts";
import { SETTINGS } from "./table.ts";

/** How messages about embedders name their options. */
const NAMES = {
  apiKey: SETTINGS.openaiApiKey.variable,
  baseUrl: SETTINGS.openaiBaseUrl.variable,
  defaultModel: SETTINGS.embeddingModel.variable,
  defaultDimensions: SETTINGS.embeddingDimensions.variable,
  localUrl: SETTINGS.localUrl.variable,
  localModels: SETTINGS.localModels.variable,
};

/** The configuration of the embedders from settings, for every entry point. */
export function embeddingConfig(settings: Partial<SettingValues<typeof SETTINGS, "cairn">>): EmbeddingConfig {
  const { openaiApiKey, openaiBaseUrl, localUrl, localModels } = settings;
  return {
    openai: openaiApiKey || openaiBaseUrl ? { apiKey: openaiApiKey ?? "none", baseUrl: openaiBaseUrl } : undefined,
    local: localUrl || localModels ? { baseUrl: localUrl, modelsDirectory: localModels } : undefined,
    defaultModel: settings.embeddingModel,
    defaultDimensions: settings.embeddingDimensions,
    requests: { maxInputs: settings.embeddingMaxInputs, maxTextTokens: settings.embeddingMaxTokens },
    names: NAMES,
  };
}
