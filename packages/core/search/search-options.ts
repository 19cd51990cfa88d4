import type { FilterInput } from "../filter/input.ts";
import type { RerankOutcome, RerankRequest } from "../rerank/reranker.ts";
import type { SearchMode } from "./depth.ts";
import type { PathOf, QueryInput } from "./embed-queries.ts";
import type { Expansion } from "./expansion.ts";
import type { Hit } from "./hit.ts";
import type { HitField } from "./output.ts";

export interface SearchOptions extends FilterInput {
  /** Default `knowledge`. */
  readonly collection?: string;
  /** Maximum hits, 1 to 1,000. Default 10. */
  readonly topK?: number;
  /** `vector` (default), `keyword` (full-text search), or `hybrid` (both, fused by reciprocal rank). */
  readonly mode?: SearchMode;
  /** Maximum distance of a hit, in the collection's metric. Not with `keyword`. */
  readonly maxDistance?: number;
  /** `document`: the best passage of each document, and the number of its other matching passages. Default `passage`. */
  readonly groupBy?: GroupBy;
  /** Fields of a hit. Other fields are null, empty or missing and are not read. Default: all but the embedding. */
  readonly include?: readonly HitField[];
  /** Maximum bytes of these fields in all hits. Default `MAX_RESPONSE_BYTES`. */
  readonly maxBytes?: number;
  /** Whether numbers in metadata keep their notation: 1.0, as a raw number, stays distinct from 1. Default false. */
  readonly exactNumbers?: boolean;
  /** Maximum of `topK`, and ten times it of all queries together. Default 1,000. Beyond 1,000, rows are compared one by one. */
  readonly maxTopK?: number;
  /** Orders the best rows by a rerank model. Needs a text. Default: by the search alone. */
  readonly rerank?: RerankRequest;
  /** Returns the text around each passage, too. Default: the passage. */
  readonly expand?: Expansion;
  /** Whether every matching row is compared, without vector indexes: for judging their results. Default false. */
  readonly exact?: boolean;
  readonly signal?: AbortSignal;
}

export type GroupBy = "passage" | "document";

export type QueryOptions = SearchOptions & QueryInput;

/** The hits of a query, and what the rerank model did if one was requested. */
export interface QueryResult {
  readonly hits: readonly Hit[];
  readonly rerank?: RerankOutcome;
}

export interface QueryManyOptions extends SearchOptions {
  /** 1 to 100. */
  readonly queries: readonly QueryInput[];
}

export interface LocatedOptions extends QueryManyOptions {
  readonly pathOf: PathOf;
}
