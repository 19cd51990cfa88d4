import { nextTurn } from "../turn.ts";

/** Characters that are parsed in one time slice: about a millisecond. */
const SLICE_CHARACTERS = 65_536;

/** Parses one vector after the other, in time slices. Null stays null. */
export type VectorParser = (text: string | null) => Promise<readonly number[] | null>;

/**
 * Creates a parser for `embedding::text`, such as `[0.1,1e-05]`. pgvector prints each element as the shortest decimal number
 * of its float32, and JavaScript prints the parsed numbers with the same digits. Source: vector_out in pgvector/src/vector.c.
 */
export function createVectorParser(): VectorParser {
  let characters = 0;
  return async (text) => {
    if (text === null) return null;
    characters += text.length;
    if (characters > SLICE_CHARACTERS) {
      characters = 0;
      await nextTurn();
    }
    return JSON.parse(text);
  };
}
