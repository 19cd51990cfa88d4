import type { Collection } from "../collection/collection.ts";
import { AppError } from "../error.ts";

/**
 * Default limit of a response in bytes of texts, metadata and URIs, as stored in UTF-8, and of vectors. The database adds
 * them up, so that the process never receives more.
 */
export const MAX_RESPONSE_BYTES = 10_000_000;

/** Approximate bytes of a vector's element in JSON: up to nine digits of a float32, a sign, zeros before them, a comma. */
const ELEMENT_BYTES = 12;

/** Approximate bytes of a vector of the collection in a response. */
export function vectorBytes({ dimensions }: Pick<Collection, "dimensions">): number {
  return ELEMENT_BYTES * (dimensions ?? 0);
}

/** A `response_too_large` error: `what` cannot be returned, and `remedy` says what to do. */
export function responseTooLarge(
  what: string,
  { bytes, maxBytes, remedy }: { readonly bytes: number; readonly maxBytes: number; readonly remedy: string },
): AppError {
  return new AppError(
    "response_too_large",
    `${what} cannot be returned in one response: ${bytes} bytes, and the limit of a response is ${maxBytes}. ${remedy}`,
  );
}
