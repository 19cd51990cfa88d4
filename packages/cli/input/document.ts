import { toDoubles } from "@cairn/core/database/doubles.ts";
import { type JsonObject, type JsonValue, parseJson } from "@cairn/core/database/json.ts";
import type { NewDocument } from "@cairn/core/document/document.ts";
import type { StoredPassage } from "@cairn/core/document/restore.ts";
import { AppError } from "@cairn/core/error.ts";
import * as z from "zod";

/** A document of an input, and where in it: `faq.jsonl, line 3`. */
export interface InputDocument extends NewDocument {
  readonly place: string;
  /** Several passages with a vector each, as they were exported: they are stored as they are. */
  readonly passages?: readonly StoredPassage[];
}

const MAX_DIMENSIONS = 16_000;

const vector = z.preprocess(toDoubles, z.array(z.number()).min(1).max(MAX_DIMENSIONS));
const passage = z.looseObject({
  content: z.string().nullable(),
  embedding: vector.nullish(),
  offset: z.int().min(0).nullish(),
});
const record = z.strictObject({
  id: z.string().min(1).max(100_000).nullish(),
  content: z.string().nullish(),
  metadata: z.looseObject({}).nullish(),
  uri: z.string().max(10_000).nullish(),
  embedding: vector.nullish(),
  passages: z.array(passage).optional(),
  // What `cairn documents list --json` says in addition: it is not the caller's to set.
  createdAt: z.string().optional(),
  updatedAt: z.string().optional(),
});

/** The document that a JSON value describes. Throws `invalid_input`, naming the place and the field. */
export function readRecord(value: JsonValue, place: string): InputDocument {
  const result = record.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    const field = issue?.path.join(".");
    throw refused(place, `${field ? `at ${field}` : ""}: ${issue?.message}`);
  }
  const { id, content = null, uri, embedding, metadata, passages } = result.data;
  return {
    ...(id == null ? {} : { id }),
    content,
    // As it was parsed: a copy would lose a key like __proto__.
    metadata: metadata == null ? undefined : ((value as JsonObject).metadata as JsonObject),
    ...(uri == null ? {} : { uri }),
    embedding: embedding ? Float32Array.from(embedding) : undefined,
    ...(id == null || embedding ? {} : { passages: storedPassages(passages) }),
    place,
  };
}

/** The passages where each has its vector; undefined: the text is split and embedded again. */
function storedPassages(
  passages: readonly z.infer<typeof passage>[] = [],
): readonly StoredPassage[] | undefined {
  const stored = passages.flatMap(({ content, embedding, offset }) =>
    embedding
      ? [{ content, embedding: Float32Array.from(embedding), ...(offset == null ? {} : { offset }) }]
      : [],
  );
  return stored.length > 0 && stored.length === passages.length ? stored : undefined;
}

/** The JSON of a text. Throws `invalid_input`, naming the place. */
export function parseAt(text: string, place: string): JsonValue {
  try {
    return parseJson(text);
  } catch (error) {
    throw new AppError("invalid_input", `${place} is not JSON: ${(error as Error).message}`, {
      path: place,
      cause: error,
    });
  }
}

export function refused(place: string, why: string): AppError {
  return new AppError(
    "invalid_input",
    `${place} cannot be ingested${why.startsWith(":") ? "" : " "}${why}.`,
    { path: place },
  );
}
