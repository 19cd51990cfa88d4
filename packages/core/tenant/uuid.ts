/** 32 hex digits, with or without one kind of separator between groups of 8-4-4-4-12. */
const DIGITS = /^([0-9a-f]{8})([-_.]?)([0-9a-f]{4})\2([0-9a-f]{4})\2([0-9a-f]{4})\2([0-9a-f]{12})$/i;

/** Length of the longest notation: `urn:uuid:`, and braces around 36 characters. */
export const MAX_UUID_LENGTH = 47;

/**
 * The UUID in a text, in lower case with hyphens. Undefined if the text is not a UUID. Accepts every usual notation:
 * hyphens, underscores, dots or no separators, upper case, braces, and the prefix `urn:uuid:`.
 */
export function parseUuid(text: string): string | undefined {
  if (text.length < 32 || text.length > MAX_UUID_LENGTH) return undefined;
  const bare = text.replace(/^urn:uuid:/i, "").replace(/^\{(.*)\}$/, "$1");
  const [, first, , second, third, fourth, last] = DIGITS.exec(bare) ?? [];
  return first && [first, second, third, fourth, last].join("-").toLowerCase();
}
