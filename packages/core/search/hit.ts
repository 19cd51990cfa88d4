import { decodeJson, type JsonObject, parseExactJson } from "../database/json.ts";
import { decodeText } from "../database/text.ts";
import { headingsField } from "../document/headings.ts";
import { restoreId } from "../document/id.ts";
import { distance, type Metric, score } from "../index/metric.ts";

export interface Hit {
  readonly id: string;
  readonly chunk: number;
  readonly content: string | null;
  /** The headings above the start of the passage, outermost first. Undefined: none, or the content is not requested. */
  readonly headings?: readonly string[];
  readonly metadata: JsonObject;
  readonly uri: string | null;
  /** The vector: of each element the shortest decimal number of its float32. Null: it has none. Undefined: not requested. */
  readonly embedding?: readonly number[] | null;
  /** Chroma's distance for the metric; lower is better. Null if no vectors were compared. */
  readonly distance: number | null;
  /**
   * 0 to 1, higher is better; comparable within one search only. Vector: from the distance. Keyword: share of the query's
   * words in the passage, weighted by rarity. Hybrid: from both ranks.
   */
  readonly score: number;
  /** 1-based rank in the keyword list. Null if it is not in the list. Only with `keyword` and `hybrid`. */
  readonly keywordRank?: number | null;
  /** 1-based rank in the vector list. Null if it is not in the list. Only with `hybrid`. */
  readonly vectorRank?: number | null;
  /** Number of other matching passages of the document. Only if hits are grouped by document. */
  readonly others?: number;
  /** Score of the rerank model; higher is better. Null: it was not scored. Undefined: no model ordered the hits. */
  readonly rerankScore?: number | null;
  /**
   * The text that `content` has if an expansion was requested. Null: the passage alone, because its offsets are not known or
   * the document has changed meanwhile. Undefined: not requested.
   */
  readonly expanded?: ExpandedText | null;
}

/** A contiguous part of a document's text. Positions are in UTF-16 code units. */
export interface ExpandedText {
  readonly firstChunk: number;
  readonly lastChunk: number;
  /** Range of the text in the document. */
  readonly start: number;
  readonly end: number;
  /** Whether passages were left out because of a limit. */
  readonly truncated: boolean;
  /** The matching passages and their ranges in the text, best first. The first one is the hit's own passage. */
  readonly matches: readonly MatchedRange[];
}

export interface MatchedRange {
  readonly chunk: number;
  readonly start: number;
  readonly end: number;
}

/** A row as the search statements return it. */
export interface HitRow {
  /** 1-based number of the query. */
  readonly n: number;
  readonly id: string;
  readonly long_id: string | null;
  readonly chunk: number;
  /** Undefined if the field is not requested. Also null if the fields of all rows did not fit, see `complete`. */
  readonly content?: string | null;
  /** Comes with the content. */
  readonly headings?: string | null;
  readonly metadata?: string | null;
  readonly uri?: string | null;
  /** Only of rows that `readFields` read. */
  readonly embedding?: readonly number[] | null;
  /** Bytes of these fields, without the vector. */
  readonly bytes: number;
  /** Whether the row contains its fields. */
  readonly complete: boolean;
  /** The number that pgvector orders by. Null for a keyword hit without a vector. */
  readonly order: number | null;
  /** 0 to 1: weighted share of the query's words in the row. */
  readonly share?: number;
  /** Rows that each index scan of the plan returned for the query, by its ordinal. With a filter: among its near rows. */
  readonly counts?: readonly number[];
  /** Ordinals of the index scans whose pre-filter answered instead. */
  readonly prefiltered?: readonly number[];
  /** Grouped by document: other matching passages. */
  readonly others?: number;
  /** Number of grouped passages. Undefined if all matching passages were grouped. */
  readonly listed?: number | null;
  /** Whether rows were left out because a word occurs in too many. */
  readonly truncated?: boolean | null;
}

export function toHit(metric: Metric, row: HitRow, { exactNumbers }: { readonly exactNumbers?: boolean } = {}): Hit {
  const hitDistance = row.order === null ? null : distance(metric, row.order);
  return {
    id: restoreId(row.id, row.long_id),
    chunk: row.chunk,
    content: row.content == null ? null : decodeText(row.content),
    ...headingsField(row.headings),
    metadata: row.metadata == null ? {} : decodeJson(row.metadata, exactNumbers ? parseExactJson : undefined),
    uri: row.uri == null ? null : decodeText(row.uri),
    ...(row.embedding === undefined ? {} : { embedding: row.embedding }),
    distance: hitDistance,
    score: hitDistance === null ? 0 : score(metric, hitDistance),
    ...(row.others === undefined ? {} : { others: row.others }),
  };
}
