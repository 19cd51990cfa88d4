import { AppError } from "../error.ts";
import type { Embedders } from "./embedder.ts";
import { modelTextTokens } from "./models.ts";

/**
 * Maximum tokens per text of a model: the embedder's setting, otherwise the model's known limit. Undefined: unknown, or
 * there is no model.
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
