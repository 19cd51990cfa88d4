import { inspect } from "node:util";
import { AppError } from "@cairn/core/error.ts";
import { expect } from "vitest";

/** The error that the attempt is rejected with, which must be an `AppError`. */
export async function rejectionOf(attempt: Promise<unknown>): Promise<AppError> {
  const error = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(AppError);
  return error as AppError;
}

/** All text that a log line could contain for an error: its causes, their properties, the stack. */
export function loggableText(error: unknown): string {
  return inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
}
