import { bracket } from "./bracket.ts";
import { wordCharacters } from "./unicode.ts";

/** A zero-width assertion: a position between two characters. */
export type Assertion =
  | "start"
  | "end"
  | "line_start"
  | "line_end"
  | "word"
  | "not_word"
  | "word_start"
  | "word_end"
  | "word_start_half"
  | "word_end_half";

/** Postgres' expression for an assertion. Postgres' `\y` depends on the locale, so word characters are written out. */
export function assertionExpression(assertion: Assertion): string {
  switch (assertion) {
    case "start":
      return "\\A";
    case "end":
      return "\\Z";
    case "line_start":
      return "(?:\\A|(?<=\\n))";
    case "line_end":
      return "(?:\\Z|(?=\\n))";
    default:
      return wordAssertion(assertion, bracket(wordCharacters()));
  }
}

type WordAssertion = Exclude<Assertion, "start" | "end" | "line_start" | "line_end">;

function wordAssertion(assertion: WordAssertion, word: string): string {
  switch (assertion) {
    case "word":
      return `(?:(?<=${word})(?!${word})|(?<!${word})(?=${word}))`;
    case "not_word":
      return `(?:(?<=${word})(?=${word})|(?<!${word})(?!${word}))`;
    case "word_start":
      return `(?:(?<!${word})(?=${word}))`;
    case "word_end":
      return `(?:(?<=${word})(?!${word}))`;
    case "word_start_half":
      return `(?<!${word})`;
    case "word_end_half":
      return `(?!${word})`;
  }
}
