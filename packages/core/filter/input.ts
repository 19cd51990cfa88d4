import type { SQL } from "drizzle-orm";
import { compileFilter } from "./compile.ts";
import { containedBy } from "./contained.ts";
import type { Filter } from "./filter.ts";
import { parseDocumentFilter, parseFilter } from "./parse.ts";

/** How a caller narrows what is read, searched or deleted; both must hold. */
export interface FilterInput {
  /** On metadata, in Chroma's `where` language: `{ topic: "returns", price: { $lt: 20 } }`. */
  readonly filter?: unknown;
  /** On the text, in Chroma's `where_document` language: `{ $contains: "refund" }`. */
  readonly whereDocument?: unknown;
}

/** What a search is narrowed by. */
export interface SearchFilter {
  /** On a row of documents. */
  readonly matches: SQL;
  /** See `containedBy`. */
  readonly contained: string | undefined;
}

/** Both filters for a search; undefined where there is none. Throws `invalid_filter`. */
export function searchFilter(input: FilterInput): SearchFilter | undefined {
  const filters = parseFilters(input);
  return filters.length === 0
    ? undefined
    : { matches: compileAll(filters), contained: containedBy({ kind: "and", filters }) };
}

/** Both filters as one SQL condition on a row of documents; undefined where there is none. Throws `invalid_filter`. */
export function compileFilters(input: FilterInput): SQL | undefined {
  const filters = parseFilters(input);
  return filters.length === 0 ? undefined : compileAll(filters);
}

function parseFilters({ filter, whereDocument }: FilterInput): readonly Filter[] {
  return [
    ...(filter == null ? [] : [parseFilter(filter, "filter")]),
    ...(whereDocument == null ? [] : [parseDocumentFilter(whereDocument, "where_document")]),
  ];
}

function compileAll(filters: readonly Filter[]): SQL {
  return compileFilter({ kind: "and", filters });
}
