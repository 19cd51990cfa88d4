import { bracket } from "./bracket.ts";
import { wordCharacters } from "./unicode.ts";

/** A place between two characters. */
export type Place =
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

/** Postgres' expression for a place. Its own `\y` asks the locale what a word is, so words are spelt out. */
export function placeExpression(place: Place): string {
  switch (place) {
    case "start":
      return "\\A";
    case "end":
      return "\\Z";
    case "line_start":
      return "(?:\\A|(?<=\\n))";
    case "line_end":
      return "(?:\\Z|(?=\\n))";
    default:
      return wordPlace(place, bracket(wordCharacters()));
  }
}

type WordPlace = Exclude<Place, "start" | "end" | "line_start" | "line_end">;

function wordPlace(place: WordPlace, word: string): string {
  switch (place) {
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
