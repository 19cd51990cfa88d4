export const GLOVE_MODEL = "bundled/glove-50k";

/** Elements for the meaning of a text: those of GloVe's vectors. */
export const MEANING_DIMENSIONS = 100;

/** Dimensions of the vectors of `bundled/glove-50k`: those for the meaning of a text, then those for its words. */
export const GLOVE_DIMENSIONS = 1536;
