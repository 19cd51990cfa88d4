/** Stems of the words of a query. */
export type Stems = ReadonlySet<string>;

/** Frequent English words, which keyword search ignores. */
const STOP_WORDS = new Set(
  "a an and are as at be been but by can could did do does for from had has have how i if in into is it its may me might must my no not of on or our shall should so that the their them then there these they this to was we were what when where which who why will with would you your".split(
    " ",
  ),
);

/** The stems of a text's words without frequent English words. */
export function stemsOf(text: string): Stems {
  const words = text.match(/[\p{L}\p{N}]+/gu) ?? [];
  return new Set(words.filter((word) => !STOP_WORDS.has(word.toLowerCase())).map(stemOf));
}

/**
 * A word without case, accents and the endings of English: close to what Postgres compares in a keyword search, and enough to
 * mark words.
 */
export function stemOf(word: string): string {
  const plain = word.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  if (plain.length < 4) return plain;
  const stem = plain.replace(/(?:ations?|ingly|edly|ings?|ies|ied|ers?|ed|es|ly|s|y|e)$/u, "");
  return stem.length < 3 ? plain : stem.replace(/([bdfglmnprt])\1$/u, "$1");
}
