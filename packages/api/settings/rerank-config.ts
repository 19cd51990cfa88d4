import { AppError } from "@cairn/core/error.ts";
import { createReranker } from "@cairn/core/rerank/create-reranker.ts";
import type { Reranker } from "@cairn/core/rerank/reranker.ts";
import type { SettingValues } from "./setting.ts";
import { SETTINGS } from "./table.ts";

/** How messages about the rerank server name its options. */
const NAMES = {
  format: SETTINGS.rerankFormat.variable,
  url: SETTINGS.rerankUrl.variable,
  model: SETTINGS.rerankModel.variable,
};

/**
 * The rerank server from settings, for every entry point; undefined if none of its settings is set. Opens nothing. Throws
 * `invalid_input` if they are incomplete.
 */
export function rerankerOf(settings: Partial<SettingValues<typeof SETTINGS, "cairn">>): Reranker | undefined {
  const { rerankFormat, rerankUrl: url, rerankApiKey: apiKey, rerankModel: model } = settings;
  if (rerankFormat === undefined) {
    if (![url, apiKey, model].some(Boolean)) return undefined;
    throw new AppError(
      "invalid_input",
      `${NAMES.format} is not set. A rerank server has one of the formats cohere, jina, voyage and tei.`,
      {
        path: NAMES.format,
      },
    );
  }
  const { rerankTimeout: timeout, rerankConcurrency: tenantConcurrency } = settings;
  return createReranker({ format: rerankFormat, url, apiKey, model, timeout, tenantConcurrency, names: NAMES });
}
