import { type SQL, sql } from "drizzle-orm";
import { keysOf } from "../document/id.ts";
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
  /** Only documents with these ids. */
  readonly ids?: readonly string[];
  /** Whether an empty `$and` (matches every row) or `$or` (matches none) is allowed. Default false. */
  readonly allowEmptyLists?: boolean;
}

/** The compiled filters of a search. */
export interface SearchFilter {
  /** SQL condition on a row of documents. */
  readonly matches: SQL;
  /** The conditions that a metadata index can answer. */
  readonly indexed: IndexConditions | undefined;
  /** Whether the condition reads the text of rows, see `scanText`. */
  readonly readsText: boolean;
  /** Whether only documents with given ids match. An index of vectors does not help to find them. */
  readonly selectsIds?: boolean;
}

/** Both filters for a search. Undefined if there is none. Throws `invalid_filter`. */
export function searchFilter(input: FilterInput): SearchFilter | undefined {
  const filters = parseFilters(input);
  const { ids } = input;
  if (filters.length === 0 && !ids) return undefined;
  const filter: Filter = { kind: "and", filters };
  const matches = compileFilter(filter);
  return {
    matches: ids ? sql`(id = ANY(${sql.param(keysOf(ids))}::text[]) AND ${matches})` : matches,
    indexed: indexConditions(filter),
    readsText: readsText(filter),
    ...(ids ? { selectsIds: true } : {}),
  };
}

/** Both filters as one SQL condition on a row of documents. The condition is `true` if there is none. Throws `invalid_filter`. */
export function compileFilters(input: FilterInput): Pick<SearchFilter, "matches" | "readsText"> {
  return searchFilter(input) ?? { matches: sql`true`, readsText: false };
}

function parseFilters({ filter, whereDocument, allowEmptyLists = false }: FilterInput): readonly Filter[] {
  const size = { ...emptySize(), allowEmptyLists };
  return [
    ...(filter == null ? [] : [parseFilter(filter, "filter", size)]),
    ...(whereDocument == null ? [] : [parseDocumentFilter(whereDocument, "where_document", size)]),
  ];
}
