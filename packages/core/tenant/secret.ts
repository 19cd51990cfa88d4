import { createHash, randomBytes } from "node:crypto";

const PREFIX = "cairn_";

/** A prefix of its own: a service that does not know namespaces refuses the key, instead of taking it for the operator's. */
const NAMESPACE_PREFIX = "cairn_ns_";

/** 256 bits in base64url. The last character has only four of them. */
const BITS = /^[\w-]{42}[AEIMQUYcgkosw048]$/;

/** Whose key it is, as its format says. */
export type KeyKind = "plain" | "namespace";

/** A random secret of a key. */
export function createSecret(kind: KeyKind): string {
  return `${kind === "namespace" ? NAMESPACE_PREFIX : PREFIX}${randomBytes(32).toString("base64url")}`;
}

/** The kind of a key, from its format alone. Undefined: the text cannot be a key. */
export function keyKind(secret: string): KeyKind | undefined {
  const hasFormat = (prefix: string) => secret.startsWith(prefix) && BITS.test(secret.slice(prefix.length));
  if (hasFormat(NAMESPACE_PREFIX)) return "namespace";
  return hasFormat(PREFIX) ? "plain" : undefined;
}

export function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
