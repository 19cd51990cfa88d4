import { AppError } from "../error.ts";

/**
 * Bytes of texts, metadata and URIs, as stored in UTF-8, that one response holds at most, where a caller does not say.
 * The database adds them up, so that more never reaches the process.
 */
export const MAX_RESPONSE_BYTES = 10_000_000;

/** A `response_too_large`: `what` could not be returned, and `remedy` is the way out. */
export function responseTooLarge(
  what: string,
  { bytes, maxBytes, remedy }: { readonly bytes: number; readonly maxBytes: number; readonly remedy: string },
): AppError {
  return new AppError(
    "response_too_large",
    `${what} cannot be returned in one response: ${bytes} bytes of text and metadata, and a response holds at most ${maxBytes}. ${remedy}`,
  );
}
