/**
 * What a reader cannot see or an HTML file cannot hold: control characters, zero-width spaces and marks, characters
 * that turn the direction of writing, halves of surrogate pairs, noncharacters. Joiners stay: emoji need them.
 */
const UNSEEN = /[\p{Cc}\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\uffff]|\p{Cs}/gu;

/** The text with everything unseen written as `\u0000`. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The text where it is short, otherwise its beginning and its end, about `limit` characters in all. */
export function shorten(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const tail = Math.floor(limit / 4);
  const head = text.slice(0, limit - tail).replace(/[\ud800-\udbff]$/, "");
  return `${head}…${text.slice(-tail).replace(/^[\udc00-\udfff]/, "")}`;
}
