import { toDoubles } from "@cairn/core/database/doubles.ts";
import { type JsonObject, type JsonValue, parseJson } from "@cairn/core/database/json.ts";
import { type NewDocument, TEXT_FORMATS } from "@cairn/core/document/document.ts";
import type { StoredPassage } from "@cairn/core/document/restore.ts";
import { AppError } from "@cairn/core/error.ts";
import * as z from "zod";

/** A document of an input, and its place in the input: `faq.jsonl, line 3`. */
export interface InputDocument extends NewDocument {
  readonly place: string;
  /** The passages of an exported document, each with its vector. They are stored unchanged. */
  readonly passages?: readonly StoredPassage[];
}

const MAX_DIMENSIONS = 16_000;

const vector = z.preprocess(toDoubles, z.array(z.number()).min(1).max(MAX_DIMENSIONS));
const passage = z.looseObject({
  content: z.string().nullable(),
  embedding: vector.nullish(),
  offset: z.int().min(0).nullish(),
  headings: z.array(z.string()).optional(),
});
const record = z.strictObject({
  id: z.string().min(1).max(100_000).nullish(),
  content: z.string().nullish(),
  format: z.enum(TEXT_FORMATS).optional(),
  metadata: z.looseObject({}).nullish(),
  uri: z.string().max(10_000).nullish(),
  embedding: vector.nullish(),
  passages: z.array(passage).optional(),
  // Part of the output of `cairn documents list --json`. The values are ignored.
  createdAt: z.string().optional(),
  updatedAt: z.string().optional(),
});

/** Converts a JSON value to a document. Throws `invalid_input`, naming the place and the field. */
export function toInputDocument(value: JsonValue, place: string): InputDocument {
  const result = record.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    const field = issue?.path.join(".");
    throw inputError(place, `${field ? `at ${field}` : ""}: ${issue?.message}`);
  }
  const { id, content = null, format, uri, embedding, metadata, passages } = result.data;
  return {
    ...(id == null ? {} : { id }),
    content,
    ...(format ? { format } : {}),
    // The parsed object itself, because a copy would lose a key such as __proto__.
    metadata: metadata == null ? undefined : ((value as JsonObject).metadata as JsonObject),
    ...(uri == null ? {} : { uri }),
    embedding: embedding ? Float32Array.from(embedding) : undefined,
    ...(id == null || embedding ? {} : { passages: storedPassages(passages) }),
    place,
  };
}

/** Returns the passages if each has a vector. Otherwise returns undefined, and the text is split and embedded again. */
function storedPassages(passages: readonly z.infer<typeof passage>[] = []): readonly StoredPassage[] | undefined {
  const stored = passages.flatMap(({ content, embedding, offset, headings }) => {
    if (!embedding) return [];
    const place = { ...(offset == null ? {} : { offset }), ...(headings ? { headings } : {}) };
    return [{ content, embedding: Float32Array.from(embedding), ...place }];
  });
  return stored.length > 0 && stored.length === passages.length ? stored : undefined;
}

/** Parses JSON. Throws `invalid_input`, naming the place. */
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

/** Creates the error for an input that cannot be ingested. */
export function inputError(place: string, why: string): AppError {
  return new AppError("invalid_input", `${place} cannot be ingested${why.startsWith(":") ? "" : " "}${why}.`, {
    path: place,
  });
}
