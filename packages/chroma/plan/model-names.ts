import { isModelName, MODEL_NAME } from "@cairn/core/collection/create.ts";
import { AppError } from "@cairn/core/error.ts";
import type { PlanOptions } from "./options.ts";

/** Throws `invalid_input` where an option names a model by what no model can be called. */
export function assertModelNames({ sourceModel, model }: PlanOptions): void {
  const given = { "--source-model": sourceModel, "--model": model };
  for (const [flag, name] of Object.entries(given)) {
    if (name === undefined || isModelName(name)) continue;
    throw new AppError(
      "invalid_input",
      `${flag} ${JSON.stringify(name.slice(0, 200))} does not name a model: a name has ${MODEL_NAME}.`,
      { path: flag },
    );
  }
}
