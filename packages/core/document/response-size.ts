import { AppError } from "../error.ts";

/**
 * Default limit of a response in bytes of texts, metadata and URIs, as stored in UTF-8. The database adds them up, so that
 * the process never receives more.
 */
export const MAX_RESPONSE_BYTES = 10_000_000;

/** A `response_too_large` error: `what` cannot be returned, and `remedy` says what to do. */
export function responseTooLarge(
  what: string,
  { bytes, maxBytes, remedy }: { readonly bytes: number; readonly maxBytes: number; readonly remedy: string },
): AppError {
  return new AppError(
    "response_too_large",
    `${what} cannot be returned in one response: ${bytes} bytes of text and metadata, and the limit of a response is ${maxBytes}. ${remedy}`,
  );
}
