/**
 * Characters that are invisible or not allowed in HTML: control characters, zero-width spaces and marks, bidirectional
 * controls, lone surrogates and noncharacters. Joiners are kept, because emoji need them.
 */
const INVISIBLE = /[\p{Cc}\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\uffff]|\p{Cs}/gu;

/** The text with all invisible characters escaped as `\u0000`. */
export function escapeInvisible(text: string): string {
  return text.replace(INVISIBLE, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The text, or its beginning and end with about `limit` characters in total if it is longer. */
export function shorten(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const tail = Math.floor(limit / 4);
  const head = text.slice(0, limit - tail).replace(/[\ud800-\udbff]$/, "");
  return `${head}…${text.slice(-tail).replace(/^[\udc00-\udfff]/, "")}`;
}
