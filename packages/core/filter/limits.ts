import type { Filter, Scalar } from "./filter.ts";
import { refuse } from "./refuse.ts";
import { postgresRegex } from "./regex/translation.ts";

/** `$and`, `$or` and `$not` inside one another at most. */
export const MAX_DEPTH = 8;
/** Conditions of a request's filters at most: each becomes parameters, of which a statement has 65,535. */
const MAX_CLAUSES = 1_000;
/** Regexes of a request's filters at most: Postgres keeps 32 prepared, and beyond that prepares each again for every row. */
const MAX_PATTERNS = 15;
/** Characters of all regexes, translated. A statement repeats them for each index that it reads. */
const MAX_TRANSLATED = 500_000;
/** Values of all `$in` and `$nin` lists. A statement repeats them for each index that it reads. */
export const MAX_VALUES = 10_000;
/** UTF-16 units of all keys, values and texts. */
const MAX_CHARACTERS = 500_000;

/** What the filters of one request hold so far. */
export interface FilterSize {
  clauses: number;
  patterns: number;
  translated: number;
  values: number;
  characters: number;
}

export function emptySize(): FilterSize {
  return { clauses: 0, patterns: 0, translated: 0, values: 0, characters: 0 };
}

/** Adds a condition to the size of the filters. Throws `invalid_filter` where they become too large. */
export function addClause(size: FilterSize, clause: Filter, path: string): void {
  size.clauses += 1;
  if (size.clauses > MAX_CLAUSES)
    throw refuse(path, `is one condition too many: at most ${MAX_CLAUSES}. Use $in for many values.`);
  if (clause.kind === "pattern") {
    size.patterns += 1;
    size.translated += postgresRegex(clause).length;
  }
  if (size.patterns > MAX_PATTERNS)
    throw refuse(path, `is one regex too many: at most ${MAX_PATTERNS}. Join patterns into one with "|".`);
  if (size.translated > MAX_TRANSLATED)
    throw refuse(
      path,
      `makes the filter's regular expressions too large: at most ${MAX_TRANSLATED} characters once they are translated, where a \\w takes 1,000 and a \\b 4,000.`,
    );
  if (clause.kind === "member") size.values += clause.values.length;
  if (size.values > MAX_VALUES)
    throw refuse(path, `makes too many values: at most ${MAX_VALUES} in all lists. Send several requests.`);
  size.characters += charactersOf(clause);
  if (size.characters > MAX_CHARACTERS)
    throw refuse(
      path,
      `makes the filter too long: its keys, values and texts have at most ${MAX_CHARACTERS} characters in all.`,
    );
}

function charactersOf(clause: Filter): number {
  switch (clause.kind) {
    case "equal":
    case "list":
      return clause.key.length + lengthOf(clause.value);
    case "member":
      return clause.values.reduce<number>((sum, value) => sum + lengthOf(value), clause.key.length);
    case "order":
    case "exists":
      return clause.key.length;
    case "content":
      return clause.text.length;
    default:
      return 0;
  }
}

function lengthOf(value: Scalar): number {
  return typeof value === "string" ? value.length : 0;
}
