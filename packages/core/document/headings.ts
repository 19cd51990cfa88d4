import { decodeText, encodeText } from "../database/text.ts";

/** The headings of a passage as stored: a line each. Null: none. Titles have no line breaks. */
export function encodeHeadings(headings: readonly string[] = []): string | null {
  return headings.length === 0 ? null : encodeText(headings.join("\n"));
}

/** The field of a passage with stored headings. */
export function headingsField(stored: string | null | undefined): { readonly headings?: readonly string[] } {
  return stored == null ? {} : { headings: decodeText(stored).split("\n") };
}
