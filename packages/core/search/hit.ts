import type { Metric } from "../collection/metric.ts";
import { decodeJson, type JsonObject } from "../database/json.ts";
import { decodeText } from "../database/text.ts";
import { restoreId } from "../document/id.ts";
import { distance, score } from "./metric.ts";

export interface Hit {
  readonly id: string;
  readonly chunk: number;
  readonly content: string | null;
  readonly metadata: JsonObject;
  readonly uri: string | null;
  /** As Chroma reports it for the metric; lower is better. Null where no vectors were compared. */
  readonly distance: number | null;
  /**
   * 0 to 1, higher is better, and compares within one search only: by vector from the distance; by words the share of
   * the query's words that it has, rare ones weighing more; hybrid from both ranks.
   */
  readonly score: number;
  /** 1-based place among the hits by words; null where it is not among them. Only with `keyword` and `hybrid`. */
  readonly keywordRank?: number | null;
  /** 1-based place among the hits by vector; null where it is not among them. Only with `hybrid`. */
  readonly vectorRank?: number | null;
  /** How many other passages of the document match, too. Only where hits are grouped by document. */
  readonly others?: number;
}

/** A row as the search statements return it. */
export interface HitRow {
  /** 1-based number of the query it answers. */
  readonly n: number;
  readonly id: string;
  readonly long_id: string | null;
  readonly chunk: number;
  /** Undefined where a field is not asked for, null also where the statement's rows did not fit, see `complete`. */
  readonly content?: string | null;
  readonly metadata?: string | null;
  readonly uri?: string | null;
  /** Of these fields. */
  readonly bytes: number;
  /** Whether the fields came along. */
  readonly complete: boolean;
  /** What pgvector orders by. Null for a row without a vector, found by its words. */
  readonly order: number | null;
  /** 0 to 1: share of the words' weight that the row has. */
  readonly share?: number;
  /** Rows that each index scan of the plan returned for the query, by its ordinal. */
  readonly counts?: readonly number[];
  /** Ordinals of the index scans whose pre-filter answered instead. */
  readonly prefiltered?: readonly number[];
  /** Of hits that are grouped by document: other passages that match, too. */
  readonly others?: number;
  /** Passages that were grouped; undefined where all that match were. */
  readonly listed?: number | null;
  /** Some of the rows with a word were left out, as too many have it. */
  readonly truncated?: boolean | null;
}

export function toHit(metric: Metric, row: HitRow): Hit {
  const own = row.order === null ? null : distance(metric, row.order);
  return {
    id: restoreId(row.id, row.long_id),
    chunk: row.chunk,
    content: row.content == null ? null : decodeText(row.content),
    metadata: row.metadata == null ? {} : decodeJson(row.metadata),
    uri: row.uri == null ? null : decodeText(row.uri),
    distance: own,
    score: own === null ? 0 : score(metric, own),
    ...(row.others === undefined ? {} : { others: row.others }),
  };
}
