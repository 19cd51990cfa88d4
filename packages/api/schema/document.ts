import type { JsonObject } from "@cairn/core/database/json.ts";
import { type Document, type NewDocument, type Passage, TEXT_FORMATS } from "@cairn/core/document/document.ts";
import { z } from "@hono/zod-openapi";
import { chunkingFields, collectionName, jsonObjectSchema, metadataSchema } from "./collection.ts";
import { headingsSchema } from "./passage.ts";
import { toVector, vectorSchema } from "./vector.ts";

export const filterSchema = jsonObjectSchema.openapi({
  description:
    "A filter on metadata: {topic: 'returns'}, or {$and: [{topic: 'returns'}, {price: {$lt: 20}}]}. Operators: $eq $ne $gt $gte $lt $lte $in $nin $contains $not_contains $exists $and $or $not.",
  example: { topic: "returns" },
});

export const whereDocumentSchema = jsonObjectSchema.openapi({
  description:
    "A filter on the text: {$contains: 'refund'}. Operators: $contains $not_contains $regex $not_regex $and $or $not.",
});

export const idSchema = z.string().min(1).max(100_000);

export const newDocumentSchema = z
  .strictObject({
    id: idSchema
      .optional()
      .describe("Chosen by the caller. An existing document with this id is replaced. Default: a random UUID."),
    content: z
      .string()
      .nullable()
      .describe("The text. A long text is split into passages. Null is allowed only with an embedding."),
    format: z
      .enum(TEXT_FORMATS)
      .optional()
      .describe("`markdown`: each passage keeps the headings above its start, for hits and citations. Default: text."),
    metadata: metadataSchema.optional(),
    uri: z.string().max(10_000).optional().describe("Where the original document is, for citations."),
    embedding: vectorSchema
      .optional()
      .describe("Vector of the complete text. The text is then neither split nor embedded."),
  })
  .openapi("NewDocument", {
    example: { id: "returns", content: "Send it back within 30 days.", metadata: { topic: "returns" } },
  });

export const ingestSchema = z
  .strictObject({
    collection: collectionName.optional(),
    documents: z.array(newDocumentSchema).min(1).max(10_000),
    max_tokens: chunkingFields.max_tokens
      .optional()
      .describe("Maximum tokens of a passage. Default: the setting of the collection."),
    overlap: chunkingFields.overlap
      .optional()
      .describe("Tokens of the previous passage that a passage repeats. Default: the setting of the collection."),
  })
  .openapi("Ingest", {
    example: { documents: [{ id: "returns", content: "Send it back within 30 days." }] },
  });

const failureSchema = z.object({ id: z.string(), code: z.string(), message: z.string() });

/** The stored request of a bulk job. `refused` are the documents that were found invalid before the job started. */
export const bulkJobSchema = ingestSchema.extend({
  documents: z.array(newDocumentSchema),
  refused: z.array(failureSchema).default([]),
  /** Id of the collection that the job was accepted for. */
  collection_id: z.uuid().optional(),
});

export const ingestedSchema = z
  .object({
    collection: z.string(),
    ids: z.array(z.string()).describe("Ids of the documents that were written, in the order of the request."),
    passages: z.int(),
    failed: z.array(failureSchema).describe("Documents that could not be written. All others were written."),
    notice: z
      .string()
      .optional()
      .describe(
        "Set if the bundled model, which knows English only, embedded texts that are clearly in other languages.",
      ),
  })
  .openapi("Ingested");

export const documentSchema = z
  .object({
    id: z.string(),
    metadata: metadataSchema,
    uri: z.string().nullable(),
    passages: z.array(
      z.object({
        chunk: z.int(),
        content: z.string().nullable(),
        offset: z
          .int()
          .nullable()
          .describe(
            "Where the passage begins in the document's text, in UTF-16 code units. Null: written by an earlier version.",
          ),
        headings: headingsSchema.optional(),
        embedded: z.boolean(),
        embedding: z
          .array(z.number())
          .nullable()
          .optional()
          .describe("The vector, as the shortest decimals of its 32-bit floats. Only with include. Null: it has none."),
      }),
    ),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .openapi("Document");

export function toNewDocument(document: z.infer<typeof newDocumentSchema>): NewDocument {
  const { embedding, metadata, ...rest } = document;
  return {
    ...rest,
    metadata: metadata as JsonObject | undefined,
    ...(embedding ? { embedding: toVector(embedding) } : {}),
  };
}

export function fromDocument(document: Document): z.infer<typeof documentSchema> {
  const { id, metadata, uri, passages, createdAt, updatedAt } = document;
  return {
    id,
    metadata,
    uri,
    passages: passages.map(fromPassage),
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
  };
}

function fromPassage({ chunk, content, offset, headings, embedded, embedding }: Passage) {
  return {
    chunk,
    content,
    offset,
    ...(headings ? { headings } : {}),
    embedded,
    ...(embedding === undefined ? {} : { embedding: embedding && [...embedding] }),
  };
}
