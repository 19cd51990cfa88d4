import { type SQL, sql } from "drizzle-orm";
import { compileFilter } from "./compile.ts";
import type { Filter } from "./filter.ts";
import { type IndexConditions, indexConditions } from "./index-conditions.ts";
import { emptySize } from "./limits.ts";
import { parseDocumentFilter, parseFilter } from "./parse.ts";
import { readsText } from "./text-scan.ts";

/** Filters of a read, a search or a deletion. A row must match both. */
export interface FilterInput {
  /** On metadata, in Chroma's `where` language: `{ price: { $lt: 20 } }`. */
  readonly filter?: unknown;
  /** On the text, in Chroma's `where_document` language: `{ $contains: "refund" }`. */
  readonly whereDocument?: unknown;
}

/** The compiled filters of a search. */
export interface SearchFilter {
  /** SQL condition on a row of documents. */
  readonly matches: SQL;
  /** The conditions that a metadata index can answer. */
  readonly indexed: IndexConditions | undefined;
  /** Whether the condition reads the text of rows, see `scanText`. */
  readonly readsText: boolean;
}

/** Both filters for a search. Undefined if there is none. Throws `invalid_filter`. */
export function searchFilter(input: FilterInput): SearchFilter | undefined {
  const filters = parseFilters(input);
  if (filters.length === 0) return undefined;
  const filter: Filter = { kind: "and", filters };
  return {
    matches: compileFilter(filter),
    indexed: indexConditions(filter),
    readsText: readsText(filter),
  };
}

/** Both filters as one SQL condition on a row of documents. The condition is `true` if there is none. Throws `invalid_filter`. */
export function compileFilters(input: FilterInput): Pick<SearchFilter, "matches" | "readsText"> {
  return searchFilter(input) ?? { matches: sql`true`, readsText: false };
}

function parseFilters({ filter, whereDocument }: FilterInput): readonly Filter[] {
  const size = emptySize();
  return [
    ...(filter == null ? [] : [parseFilter(filter, "filter", size)]),
    ...(whereDocument == null ? [] : [parseDocumentFilter(whereDocument, "where_document", size)]),
  ];
}
