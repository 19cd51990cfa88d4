import { type Placeholder, type SQL, sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import { uuidLiteral } from "../database/transaction.ts";
import { inCollection } from "../document/read.ts";
import { AppError } from "../error.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { segmentsCondition, uncoveredSegments } from "../index/segments.ts";
import { HIT_COLUMNS } from "./candidates.ts";
import { othersOf } from "./grouped.ts";
import { groupedWords, type KeywordGrouping } from "./keyword-grouped.ts";
import { orderByDistance } from "./metric.ts";
import { type Output, outputColumns } from "./output.ts";
import type { KeywordPlan } from "./plan.ts";
import type { SearchTarget } from "./target.ts";

export interface KeywordInput {
  readonly texts: readonly string[];
  /** Stands for a `vector[]` next to the texts, for the hits' distances; undefined: they have none. */
  readonly vectors?: Placeholder;
  /** The caller's filters as a condition on a row; undefined: none. */
  readonly matches?: SQL;
  readonly output?: Output;
  /** Of groups, which other passages of a document are counted, see `KeywordGrouping`. Default `words`. */
  readonly others?: KeywordGrouping["others"];
}

/** Words of a query that count; in languages without spaces, pairs of characters. */
const MAX_WORDS = 64;

/** Rows that are found for one word through one index. Of words that more have, rows that have several are found, too. */
const MAX_ROWS_PER_WORD = 5_000;

/** Rows among which the order is settled by their own texts. */
const REFINED = 100;

/** The words of a row's text as an index holds them. Throws `invalid_input` for what is no name of a configuration. */
export function keywordExpression(language: string): string {
  return `cairn.keyword_vector(${languageLiteral(language)}, content)`;
}

function languageLiteral(language: string): string {
  if (/^[a-z_]{1,63}$/.test(language)) return `'${language}'::regconfig`;
  throw new AppError("invalid_input", `${JSON.stringify(language)} is no text search configuration.`, {
    path: "language",
  });
}

/**
 * The rows that have most of a text's words, rare words counting more (their inverse document frequency, as in BM25),
 * best first: `n` (which text), the hit's columns, `order` (see orderByDistance; null without vectors) and `share`,
 * the share of the words' weight that the row has, 0 to 1. Words are compared in the collection's language.
 */
export function keywordStatement(
  { collection, indexes }: SearchTarget,
  plan: KeywordPlan,
  input: KeywordInput,
): SQL {
  const expression = sql.raw(keywordExpression(collection.language));
  const language = sql.raw(languageLiteral(collection.language));
  const { limit, groups } = plan;
  const { matches, others = "words" } = input;
  const depth = Math.max(limit, REFINED);
  const rows = indexes.reduce((most, index) => most + index.rows, 1_000);
  const distance = input.vectors ? orderByDistance(collection.metric, sql`q.v`) : sql`NULL::float8`;
  const texts = sql`${sql.param(input.texts)}::text[]`;
  const counted =
    groups && others === "vector" ? othersOf(collection, { ...groups, matches }) : sql`near.others`;
  const grouped = groups ? sql`, near.truncated, ${counted} AS others` : sql``;
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

/** Which row has which word: from the indexes, and from the texts of the rows that have none. */
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
    CROSS JOIN unnest(w.words) WITH ORDINALITY AS wanted (word, number)
    WHERE wanted.word = ANY (own)`;
  const indexed = [...Map.groupBy(ranges, ({ plan }) => plan.bigrams === true)].map(
    ([bigrams, alike]) => sql`
    SELECT DISTINCT word, id, chunk FROM cairn.keyword_rows(
      ${uuidLiteral(collection.id)}, ${language}, w.words, ${sql.param(alike.map(({ first }) => first))}::int[],
      ${sql.param(alike.map(({ last }) => last))}::int[], ${sql.raw(`${MAX_ROWS_PER_WORD}, ${REFINED}, ${bigrams}`)})`,
  );
  return sql.join([...indexed, unindexed], sql` UNION ALL `);
}
