import { createHash } from "node:crypto";
import { decodeText, encodeText } from "../database/text.ts";

/** Maximum bytes of a key. A B-tree entry holds 2,704 bytes, and the other key columns need room. */
const MAX_KEY_BYTES = 1000;

/** An id as it is stored: the key is the id, or its hash if the id is too long for an index. */
export interface StoredId {
  readonly key: string;
  readonly longId: string | null;
}

/** The stored form of any string. It is reversible, and the same string always has the same key. */
export function storeId(id: string): StoredId {
  const encoded = encodeText(id);
  if (encoded.length <= MAX_KEY_BYTES / 3 || Buffer.byteLength(encoded) <= MAX_KEY_BYTES)
    return { key: encoded, longId: null };
  return { key: `\uFFFE#${createHash("sha256").update(encoded).digest("hex")}`, longId: encoded };
}

/** The keys of documents. */
export function keysOf(ids: Iterable<string>): string[] {
  return Array.from(ids, (id) => storeId(id).key);
}

/** The original id of a stored row. */
export function restoreId(key: string, longId: string | null): string {
  return decodeText(longId ?? key);
}
