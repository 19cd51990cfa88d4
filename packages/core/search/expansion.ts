import { AppError } from "../error.ts";
import type { ExpandedText } from "./hit.ts";

/** The text that a hit returns around its passage. The options are combined: the larger text is returned. */
export interface Expansion {
  /** Passages before the hit's own, 0 to 20. Default 0. */
  readonly before?: number;
  /** Passages after the hit's own, 0 to 20. Default 0. */
  readonly after?: number;
  /** The section that the passage starts in, see `expandHits`. Default false. */
  readonly section?: boolean;
}

/** Maximum of `before` and of `after`. */
export const MAX_NEIGHBORS = 20;

/** Throws `invalid_input` if the expansion requests nothing, or more than the limit, or if hits have no content. */
export function validateExpansion(expand: Expansion | undefined, fields: readonly string[] | undefined): void {
  if (expand === undefined) return;
  for (const name of ["before", "after"] as const) {
    const count = expand[name] ?? 0;
    if (!(Number.isInteger(count) && count >= 0 && count <= MAX_NEIGHBORS))
      throw invalid(`expand.${name}`, `${name} must be a whole number from 0 to ${MAX_NEIGHBORS}, not ${count}.`);
  }
  if (!expand.before && !expand.after && !expand.section)
    throw invalid("expand", "expand requests no text around a passage. Give before, after or section, or omit it.");
  if (fields && !fields.includes("content"))
    throw invalid("expand", "expand returns text, and the content is not included. Include the content.");
}

function invalid(path: string, message: string): AppError {
  return new AppError("invalid_input", message, { path });
}

/** An expanded text on the wire. */
export interface WireText extends Pick<ExpandedText, "start" | "end" | "truncated" | "matches"> {
  readonly first_chunk: number;
  readonly last_chunk: number;
}

/** The fields of a hit that its expanded text has on the wire. */
export function expandedFields(expanded: ExpandedText | null | undefined): { readonly expanded?: WireText | null } {
  if (expanded === undefined) return {};
  if (expanded === null) return { expanded };
  const { firstChunk, lastChunk, ...range } = expanded;
  return { expanded: { first_chunk: firstChunk, last_chunk: lastChunk, ...range } };
}
