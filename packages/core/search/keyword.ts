import { AppError } from "../error.ts";

/** Text beyond this many characters is not searched by words: a tsvector holds a megabyte at most. */
const MOST_CHARACTERS = 200_000;

/** The words of a row's text as an index holds them. Throws `invalid_input` for what is no name of a configuration. */
export function keywordExpression(language: string): string {
  if (!/^[a-z_]{1,63}$/.test(language))
    throw new AppError("invalid_input", `${JSON.stringify(language)} is no text search configuration.`, {
      path: "language",
    });
  return `to_tsvector('${language}'::regconfig, left(content, ${MOST_CHARACTERS}))`;
}
