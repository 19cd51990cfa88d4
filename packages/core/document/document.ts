import type { JsonObject } from "../database/json.ts";

/** What a caller knows by one id: a short text is one passage, a long one several, in the order of the text. */
export interface Document {
  readonly id: string;
  readonly metadata: JsonObject;
  readonly uri: string | null;
  readonly passages: readonly Passage[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface Passage {
  /** 0 for the first. */
  readonly chunk: number;
  readonly content: string | null;
  /** Where it begins in the document's text, in UTF-16 code units. Null: an earlier version wrote it without. */
  readonly offset: number | null;
  /** Whether it has a vector, and so can be found by search. */
  readonly embedded: boolean;
}

/** A text to be known, as the caller gives it. */
export interface NewDocument {
  /** The caller's own; a document that has it already is replaced. Default: a random UUID. */
  readonly id?: string;
  /** Split into passages where it is long. May be null only where `embedding` is given. */
  readonly content: string | null;
  readonly metadata?: JsonObject;
  readonly uri?: string;
  /** A vector of the whole text, made with the collection's model: then the text is neither split nor embedded. */
  readonly embedding?: Float32Array;
}

/** One row as it is written: a passage with its vector. */
export interface Row {
  readonly id: string;
  readonly chunk: number;
  readonly content: string | null;
  /** Where it begins in the document's text, in UTF-16 code units. Default: null, not known. */
  readonly offset?: number | null;
  /** Of `collection.dimensions`; null where there is none: such a row is kept, and search does not see it. */
  readonly embedding: Float32Array | null;
  readonly metadata: JsonObject;
  readonly uri: string | null;
  /** The import that wrote it, where that is not the writer's own: a copy keeps it. */
  readonly origin?: string | null;
}
