export const BUNDLED_MODEL = "bundled/use-lite";

/** Elements for the words of a text, after the 512 for its meaning. */
export const WORD_DIMENSIONS = 1024;

/** Dimensions of the vectors of `bundled/use-lite`. */
export const BUNDLED_DIMENSIONS = 512 + WORD_DIMENSIONS;
