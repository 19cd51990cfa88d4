import { isModelName, MODEL_NAME } from "@cairn/core/collection/create.ts";
import { AppError } from "@cairn/core/error.ts";
import type { PlanOptions } from "./options.ts";

/** Throws `invalid_input` if an option is not a valid model name. */
export function assertModelNames({ sourceModel, model }: PlanOptions): void {
  const names = { "--source-model": sourceModel, "--model": model };
  for (const [flag, name] of Object.entries(names)) {
    if (name === undefined || isModelName(name)) continue;
    throw new AppError(
      "invalid_input",
      `${flag} ${JSON.stringify(name.slice(0, 200))} is not a valid model name: a model name has ${MODEL_NAME}.`,
      { path: flag },
    );
  }
}
