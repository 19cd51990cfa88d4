import type { JsonObject } from "../database/json.ts";

/** A stored document with its passages in the order of the text. A short text is one passage, a long text several. */
export interface Document {
  readonly id: string;
  readonly metadata: JsonObject;
  readonly uri: string | null;
  readonly passages: readonly Passage[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface Passage {
  /** Index of the passage in the document, from 0. */
  readonly chunk: number;
  readonly content: string | null;
  /** Start in the document's text, in UTF-16 code units. Null: an earlier version wrote the passage without it. */
  readonly offset: number | null;
  /** The headings above the start of the passage, outermost first. Undefined: none. */
  readonly headings?: readonly string[];
  /** Whether it has a vector, so that search can find it. */
  readonly embedded: boolean;
  /** The vector: of each element the shortest decimal number of its float32. Null: it has none. Undefined: not requested. */
  readonly embedding?: readonly number[] | null;
}

export const TEXT_FORMATS = ["text", "markdown"] as const;
export type TextFormat = (typeof TEXT_FORMATS)[number];

/** A document to write. */
export interface NewDocument {
  /** An existing document with this id is replaced. Default: a random UUID. */
  readonly id?: string;
  /** A long text is split into passages. May be null only if `embedding` is given. */
  readonly content: string | null;
  /** `markdown`: each passage keeps the headings above its start. Default `text`: it has none. */
  readonly format?: TextFormat;
  readonly metadata?: JsonObject;
  readonly uri?: string;
  /** The vector of the complete text by the collection's model. The text is then neither split nor embedded. */
  readonly embedding?: Float32Array;
}

/** A row to write: a passage with its vector. */
export interface Row {
  readonly id: string;
  readonly chunk: number;
  readonly content: string | null;
  /** Start in the document's text, in UTF-16 code units. Default: null, unknown. */
  readonly offset?: number | null;
  /** The headings above its start, outermost first. Default: none. */
  readonly headings?: readonly string[];
  /** Vector of `collection.dimensions`. A row with null is stored, but search does not find it. */
  readonly embedding: Float32Array | null;
  readonly metadata: JsonObject;
  readonly uri: string | null;
  /** Position in the insertion order, of a row that is copied; null: unknown. Default: after all rows that exist. */
  readonly sequence?: string | null;
  /** The migration run that wrote it, if it differs from the writer's `origin`. A copy of a row keeps its origin. */
  readonly origin?: string | null;
}
