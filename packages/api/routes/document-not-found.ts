import { AppError } from "@cairn/core/error.ts";

export function documentNotFound(id: string): AppError {
  return new AppError("not_found", `There is no document ${JSON.stringify(id.slice(0, 100))}.`);
}
