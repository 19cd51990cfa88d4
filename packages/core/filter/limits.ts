import type { Filter, Scalar } from "./filter.ts";
import { invalidFilter } from "./invalid-filter.ts";
import { postgresRegex } from "./regex/translation.ts";

/** Maximum nesting of `$and`, `$or` and `$not`. */
export const MAX_DEPTH = 8;
/** Maximum conditions in a request's filters. Each becomes parameters, and a statement can have 65,535. */
const MAX_CLAUSES = 1_000;
/** Maximum regexes in a request's filters. Postgres caches 32 compiled ones; with more, it compiles each again for every row. */
const MAX_PATTERNS = 15;
/** Maximum characters of all translated regexes. A statement repeats them for each index that it reads. */
const MAX_TRANSLATED = 500_000;
/** Maximum values of all `$in` and `$nin` lists. A statement repeats them for each index that it reads. */
export const MAX_VALUES = 10_000;
/** Maximum UTF-16 units of all keys, values and texts. */
const MAX_CHARACTERS = 500_000;

/** Size of the filters of one request that were parsed so far. */
export interface FilterSize {
  clauses: number;
  patterns: number;
  translated: number;
  values: number;
  characters: number;
  /** Whether `$and` and `$or` may be empty. Default false. */
  readonly allowEmptyLists?: boolean;
}

export function emptySize(): FilterSize {
  return { clauses: 0, patterns: 0, translated: 0, values: 0, characters: 0 };
}

/** Adds a condition to the size of the filters. Throws `invalid_filter` if they become too large. */
export function addClause(size: FilterSize, clause: Filter, path: string): void {
  size.clauses += 1;
  if (size.clauses > MAX_CLAUSES)
    throw invalidFilter(path, `makes too many conditions: at most ${MAX_CLAUSES}. Use $in for many values.`);
  if (clause.kind === "pattern") {
    size.patterns += 1;
    size.translated += postgresRegex(clause).length;
  }
  if (size.patterns > MAX_PATTERNS)
    throw invalidFilter(
      path,
      `makes too many regular expressions: at most ${MAX_PATTERNS}. Combine patterns with "|".`,
    );
  if (size.translated > MAX_TRANSLATED)
    throw invalidFilter(
      path,
      `makes the filter's regular expressions too large: at most ${MAX_TRANSLATED} characters after translation. A \\w takes 1,000 characters and a \\b 4,000.`,
    );
  if (clause.kind === "member") size.values += clause.values.length;
  if (size.values > MAX_VALUES)
    throw invalidFilter(path, `makes too many values: at most ${MAX_VALUES} in all lists. Send several requests.`);
  size.characters += charactersOf(clause);
  if (size.characters > MAX_CHARACTERS)
    throw invalidFilter(
      path,
      `makes the filter too long: its keys, values and texts can have at most ${MAX_CHARACTERS} characters together.`,
    );
}

function charactersOf(clause: Filter): number {
  if (clause.kind === "content") return clause.text.length;
  if (!("key" in clause)) return 0;
  const values = "values" in clause ? clause.values : "value" in clause ? [clause.value] : [];
  return values.reduce<number>((sum, value) => sum + lengthOf(value), clause.key.length);
}

function lengthOf(value: Scalar): number {
  return typeof value === "string" ? value.length : 0;
}
