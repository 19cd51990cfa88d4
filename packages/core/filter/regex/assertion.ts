import { bracket } from "./bracket.ts";
import { wordCharacters } from "./unicode.ts";

/** Postgres' expression for each assertion. `W`: a word character. */
const EXPRESSIONS = {
  start: "\\A",
  end: "\\Z",
  line_start: "(?:\\A|(?<=\\n))",
  line_end: "(?:\\Z|(?=\\n))",
  word: "(?:(?<=W)(?!W)|(?<!W)(?=W))",
  not_word: "(?:(?<=W)(?=W)|(?<!W)(?!W))",
  word_start: "(?:(?<!W)(?=W))",
  word_end: "(?:(?<=W)(?!W))",
  word_start_half: "(?<!W)",
  word_end_half: "(?!W)",
} as const;

/** A zero-width assertion: a position between two characters. */
export type Assertion = keyof typeof EXPRESSIONS;

/** Postgres' expression for an assertion. Postgres' `\y` depends on the locale, so word characters are written out. */
export function assertionExpression(assertion: Assertion): string {
  return EXPRESSIONS[assertion].replaceAll("W", () => bracket(wordCharacters()));
}
