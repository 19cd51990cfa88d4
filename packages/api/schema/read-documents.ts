import { z } from "@hono/zod-openapi";
import { collectionName } from "./collection.ts";
import { documentSchema, filterSchema, idSchema, whereDocumentSchema } from "./document.ts";
import { passageField } from "./parameters.ts";

export const documentPageSchema = z.object({
  documents: z.array(documentSchema),
  next: z.string().nullable().describe("The cursor of the next page. Null: this is the last page."),
});

export const getDocumentsSchema = z
  .strictObject({
    collection: collectionName.optional(),
    ids: z.array(idSchema).min(1).max(1000),
    include: z.array(passageField).optional().describe("`embedding`: passages have their vectors."),
  })
  .openapi("GetDocuments", { example: { ids: ["returns", "hours"] } });

export const foundDocumentsSchema = z.object({
  documents: z.array(documentSchema),
  missing: z.array(z.string()).describe("Ids of documents that do not exist, in the order of the request."),
});

export const countDocumentsSchema = z
  .strictObject({
    collection: collectionName.optional(),
    filter: filterSchema.optional(),
    where_document: whereDocumentSchema.optional(),
  })
  .openapi("CountDocuments", { example: { filter: { topic: "returns" } } });

export const documentCountSchema = z.object({
  documents: z.int().describe("Number of documents with a passage that matches."),
  passages: z.int().describe("Number of passages that match."),
});
