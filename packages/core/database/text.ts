/**
 * Postgres text can contain neither NUL nor half a surrogate pair; ids and documents of other stores can. Each such code
 * unit, and U+FFFE itself, is written as U+FFFE (a noncharacter) and four hex digits. The encoding is reversible.
 */
const ESCAPE = "\uFFFE";
const NEEDS_ESCAPE = /[\0\uFFFE]/;
const UNSTORABLE = /[\0\uFFFE]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;
const ESCAPED = /\uFFFE([0-9a-f]{4})/g;

/** Encodes any JavaScript string as text that Postgres can store. Ordinary text is unchanged. */
export function encodeText(text: string): string {
  if (!NEEDS_ESCAPE.test(text) && text.isWellFormed()) return text;
  return text.replace(UNSTORABLE, (unit) => ESCAPE + unit.charCodeAt(0).toString(16).padStart(4, "0"));
}

/** The original string of a text that `encodeText` returned. */
export function decodeText(stored: string): string {
  if (!stored.includes(ESCAPE)) return stored;
  return stored.replace(ESCAPED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
