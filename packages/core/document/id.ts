import { createHash } from "node:crypto";
import { decodeText, encodeText } from "../database/text.ts";

/** A B-tree entry holds 2,704 bytes; this leaves room for the rest of the key. */
const MAX_KEY_BYTES = 1000;

/** How a caller's id is stored: as the key itself, or, where it is too long for an index, under its hash. */
export interface StoredId {
  readonly key: string;
  readonly longId: string | null;
}

/** Any string of the caller's as a key: reversible, and the same string always gives the same key. */
export function storeId(id: string): StoredId {
  const encoded = encodeText(id);
  if (encoded.length <= MAX_KEY_BYTES / 3 || Buffer.byteLength(encoded) <= MAX_KEY_BYTES)
    return { key: encoded, longId: null };
  return { key: `\uFFFE#${createHash("sha256").update(encoded).digest("hex")}`, longId: encoded };
}

/** The caller's own id of a row. */
export function restoreId(key: string, longId: string | null): string {
  return decodeText(longId ?? key);
}
