import { type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import { HIT_COLUMNS } from "./candidates.ts";

/** How the hits of a keyword search are grouped by document. */
export interface KeywordGrouping {
  /** Which other passages of a document count: those with a word of the query, or those with a vector. */
  readonly others: "words" | "vector";
}

/** Passages of a document whose texts are scored to find the best one. */
const PASSAGES_PER_DOCUMENT = 10;

interface GroupedWords {
  /** Documents whose texts are scored for the final order. */
  readonly depth: number;
  /** Maximum documents. */
  readonly limit: number;
  readonly matches?: SQL;
  /** The words of a row, see `keywordExpression`. */
  readonly expression: SQL;
  readonly distance: SQL;
  /** Maximum rows for one word from one index. */
  readonly rowsPerWord: number;
}

/**
 * The part of a grouped keyword statement after `postings` and `weights`: the best passage of each document, the number of its
 * other passages with a word (`others`), and whether the postings of a word are a sample (`truncated`).
 */
export function groupedWords(
  collection: Collection,
  { depth, limit, matches, expression, distance, rowsPerWord }: GroupedWords,
): SQL {
  const matching = matches
    ? sql`JOIN (SELECT id, chunk FROM cairn.documents WHERE ${inCollection(collection)} AND ${matches}) AS matching USING (id, chunk)`
    : sql``;
  return sql`scored AS MATERIALIZED (
        SELECT id, chunk, found FROM (
          SELECT id, chunk, sum(weight) AS found FROM postings JOIN weights USING (word) GROUP BY id, chunk
        ) AS every ${matching}
      ), grouped AS (
        SELECT id AS group_id, max(found) AS best, count(*) - 1 AS others FROM scored
        GROUP BY id ORDER BY best DESC, group_id LIMIT ${depth}::int
      ), chosen AS (
        SELECT id, chunk, others,
               row_number() OVER (PARTITION BY id ORDER BY found DESC, chunk) AS place
        FROM grouped JOIN scored ON id = group_id
      ), best AS (
        SELECT ${HIT_COLUMNS}, embedding, ${expression} AS own, others
        FROM (SELECT id, chunk, others FROM chosen WHERE place <= ${sql.raw(String(PASSAGES_PER_DOCUMENT))}) AS nearest
        JOIN (SELECT * FROM cairn.documents WHERE ${inCollection(collection)}) AS d USING (id, chunk)
      ), ranked AS (
        SELECT ${HIT_COLUMNS}, others::int AS others, ${distance} AS "order", ts_rank_cd(own, w.query) AS rank,
               (SELECT sum(weight) FILTER (WHERE w.words[word] = ANY (tsvector_to_array(own))) / sum(weight) FROM weights) AS share
        FROM best
      )
      SELECT *, (SELECT max(found_rows) >= ${sql.raw(String(rowsPerWord))} FROM weights) AS truncated FROM (
        SELECT *, row_number() OVER (PARTITION BY id ORDER BY share DESC, rank DESC, chunk) AS in_document FROM ranked
      ) AS first
      WHERE in_document = 1 ORDER BY share DESC, rank DESC, id, chunk LIMIT ${limit}::int`;
}
