import { type Placeholder, type SQL, sql } from "drizzle-orm";
import { type Collection, inCollection } from "../collection/collection.ts";
import { uuidLiteral } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { orderByDistance } from "../index/metric.ts";
import { segmentsCondition, uncoveredSegments } from "../index/segments.ts";
import { HIT_COLUMNS } from "./candidates.ts";
import { othersOf } from "./grouped.ts";
import { groupedWords, type KeywordGrouping } from "./keyword-grouped.ts";
import { type Output, outputColumns } from "./output.ts";
import type { KeywordPlan } from "./plan.ts";
import type { SearchTarget } from "./target.ts";

export interface KeywordInput {
  readonly texts: readonly string[];
  /** Placeholder for a `vector[]` next to the texts, for the distances of the hits. Undefined: hits have no distances. */
  readonly vectors?: Placeholder;
  /** The caller's filters as a condition on a row. Undefined: none. */
  readonly matches?: SQL;
  readonly output?: Output;
  /** Grouped by document: which other passages count, see `KeywordGrouping`. Default `words`. */
  readonly others?: KeywordGrouping["others"];
}

/** Maximum words of a query; in languages without spaces, bigrams. */
const MAX_WORDS = 64;

/** Maximum rows for one word from one index. For more frequent words, rows with several of the words are also found. */
const MAX_ROWS_PER_WORD = 5_000;

/** Minimum rows whose texts are scored for the final order. */
const MIN_SCORED_ROWS = 100;

/** The indexed expression of a row's words. Throws `invalid_input` if `language` cannot be a configuration's name. */
export function keywordExpression(language: string): string {
  return `cairn.keyword_vector(${languageLiteral(language)}, content)`;
}

function languageLiteral(language: string): string {
  if (/^[a-z_]{1,63}$/.test(language)) return `'${language}'::regconfig`;
  throw new AppError(
    "invalid_input",
    `The language ${JSON.stringify(language)} is not a text search configuration. Use one of Postgres, such as english or simple.`,
    { path: "language" },
  );
}

/**
 * The statement of a keyword search: the rows with most of a text's words, best first. Words are weighted by inverse document
 * frequency, as in BM25, and compared in the collection's language. Columns: `n` (number of the text), the hit's columns,
 * `order` (see orderByDistance; null without vectors) and `share` (weighted share of the words in the row, 0 to 1).
 */
export function keywordStatement({ collection, indexes }: SearchTarget, plan: KeywordPlan, input: KeywordInput): SQL {
  const expression = sql.raw(keywordExpression(collection.language));
  const language = sql.raw(languageLiteral(collection.language));
  const { limit, groups } = plan;
  const { matches, others = "words" } = input;
  const depth = Math.max(limit, MIN_SCORED_ROWS);
  const rows = indexes.reduce((sum, index) => sum + index.rows, 1_000);
  const distance = input.vectors ? orderByDistance(collection.metric, sql`q.v`) : sql`NULL::float8`;
  const texts = sql`${sql.param(input.texts)}::text[]`;
  const otherPassages = groups && others === "vector" ? othersOf(collection, { ...groups, matches }) : sql`near.others`;
  const grouped = groups ? sql`, near.truncated, ${otherPassages} AS others` : sql``;
  const rest = groups
    ? groupedWords(collection, {
        depth,
        matches,
        expression,
        distance,
        limit,
        rowsPerWord: MAX_ROWS_PER_WORD,
      })
    : sql`scored AS (
        SELECT id, chunk, sum(weight) AS found FROM postings JOIN weights USING (word) GROUP BY id, chunk
        ${matches ? sql`` : sql`ORDER BY found DESC, id, chunk LIMIT ${depth}::int`}
      ), best AS (
        SELECT ${HIT_COLUMNS}, embedding, ${expression} AS own FROM scored
        JOIN (SELECT * FROM cairn.documents WHERE ${inCollection(collection)} AND ${matches ?? sql`true`}) AS d USING (id, chunk)
        ORDER BY found DESC, id, chunk LIMIT ${depth}::int
      )
      SELECT ${HIT_COLUMNS}, ${distance} AS "order", ts_rank_cd(own, w.query) AS rank,
             (SELECT sum(weight) FILTER (WHERE w.words[word] = ANY (tsvector_to_array(own))) / sum(weight) FROM weights) AS share
      FROM best
      ORDER BY share DESC, rank DESC, id, chunk LIMIT ${limit}::int`;
  return sql`
    SELECT q.n::int, ${outputColumns(input.output)}, near."order", near.share${grouped}
    FROM ROWS FROM (unnest(${texts}), unnest(${input.vectors ?? null}::vector[])) WITH ORDINALITY AS q (t, v, n)
    CROSS JOIN LATERAL (
      SELECT words, (SELECT string_agg(array_to_tsvector(ARRAY[word])::text, '|') FROM unnest(words) AS word)::tsquery AS query
      FROM (SELECT (tsvector_to_array(cairn.keyword_vector(${language}, q.t)))[1:${sql.raw(String(MAX_WORDS))}] AS words) AS found
    ) AS w
    CROSS JOIN LATERAL (
      WITH postings AS MATERIALIZED (
        ${postings(collection, plan.indexes, { expression, language, matches: matches ?? sql`true` })}
      ), weights AS MATERIALIZED (
        SELECT word, ln(1 + greatest(${rows}::float8, count(*)) / count(*)) AS weight, count(*) AS found_rows
        FROM postings GROUP BY word
      ), ${rest}
    ) AS near
    ${plan.queries ? sql`WHERE q.n = ANY(${sql.param(plan.queries)}::int[])` : sql``}
    ORDER BY q.n, near.share DESC, near.rank DESC, near.id, near.chunk`;
}

/** The rows of each word: from the indexes, and from the texts of rows without an index. */
function postings(
  collection: Collection,
  ranges: readonly IndexedRange[],
  { expression, language, matches }: Readonly<Record<"expression" | "language" | "matches", SQL>>,
): SQL {
  const unindexed = sql`
    SELECT number::int AS word, id, chunk
    FROM (
      SELECT id, chunk, tsvector_to_array(${expression}) AS own FROM cairn.documents
      WHERE ${inCollection(collection)} AND ${segmentsCondition(uncoveredSegments(ranges))} AND content IS NOT NULL AND ${matches} OFFSET 0
    ) AS d
    CROSS JOIN unnest(w.words) WITH ORDINALITY AS query_words (word, number)
    WHERE query_words.word = ANY (own)`;
  const indexed = [...Map.groupBy(ranges, ({ plan }) => plan.bigrams === true)].map(
    ([bigrams, group]) => sql`
    SELECT DISTINCT word, id, chunk FROM cairn.keyword_rows(
      ${uuidLiteral(collection.id)}, ${language}, w.words, ${sql.param(group.map(({ first }) => first))}::int[],
      ${sql.param(group.map(({ last }) => last))}::int[], ${sql.raw(`${MAX_ROWS_PER_WORD}, ${MIN_SCORED_ROWS}, ${bigrams}`)})`,
  );
  return sql.join([...indexed, unindexed], sql` UNION ALL `);
}
