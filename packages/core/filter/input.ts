import { type SQL, sql } from "drizzle-orm";
import { compileFilter } from "./compile.ts";
import { containedBy } from "./contained.ts";
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
  const matches = compileFilters(input);
  if (!matches) return undefined;
  const contained = input.filter == null ? undefined : containedBy(parseFilter(input.filter, "filter"));
  return { matches, contained };
}

/** Both filters as one SQL condition on a row of documents; undefined where there is none. Throws `invalid_filter`. */
export function compileFilters({ filter, whereDocument }: FilterInput): SQL | undefined {
  const conditions = [
    ...(filter == null ? [] : [compileFilter(parseFilter(filter, "filter"))]),
    ...(whereDocument == null ? [] : [compileFilter(parseDocumentFilter(whereDocument, "where_document"))]),
  ];
  if (conditions.length === 0) return undefined;
  return sql`(${sql.join(conditions, sql` AND `)})`;
}
