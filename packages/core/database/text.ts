/**
 * Postgres text holds neither NUL nor half a surrogate pair; ids and documents of other stores can. Each such code
 * unit is written as U+FFFE (a noncharacter) and four hex digits, and U+FFFE itself likewise: reversible.
 */
const ESCAPE = "\uFFFE";
const MARKED = /[\0\uFFFE]/;
const UNSTORABLE = /[\0\uFFFE]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;
const ESCAPED = /\uFFFE([0-9a-f]{4})/g;

/** Any JavaScript string as text that Postgres stores. Ordinary text comes back as it is. */
export function encodeText(text: string): string {
  if (!MARKED.test(text) && text.isWellFormed()) return text;
  return text.replace(UNSTORABLE, (unit) => ESCAPE + unit.charCodeAt(0).toString(16).padStart(4, "0"));
}

/** The string that `encodeText` was given. */
export function decodeText(stored: string): string {
  if (!stored.includes(ESCAPE)) return stored;
  return stored.replace(ESCAPED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
