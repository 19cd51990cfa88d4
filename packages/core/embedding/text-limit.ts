import { AppError } from "../error.ts";
import type { Embedders } from "./embedder.ts";
import { modelTextTokens } from "./models.ts";

/**
 * Tokens of a text that a model reads: what its embedder is set to, else what is known of the model. Undefined where
 * neither is, and where there is no model.
 */
export function textLimit(embedders: Embedders, model: string | null): number | undefined {
  if (model === null) return undefined;
  try {
    return embedders.get(model).maxTextTokens ?? modelTextTokens(model);
  } catch (error) {
    if (error instanceof AppError && error.code === "embedder_unavailable") return modelTextTokens(model);
    throw error;
  }
}
