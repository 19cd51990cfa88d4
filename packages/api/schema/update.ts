import type { JsonObject } from "@cairn/core/database/json.ts";
import type { DocumentUpdate } from "@cairn/core/document/document-update.ts";
import { z } from "@hono/zod-openapi";
import { collectionName, jsonObjectSchema } from "./collection.ts";
import { idSchema } from "./document.ts";

const changes = {
  metadata: jsonObjectSchema.optional().openapi({
    description:
      "Values to set, key by key. A null value deletes its key, and all other keys stay. The limits apply to the merged metadata.",
    example: { topic: "refunds", draft: null },
  }),
  uri: z.string().max(10_000).nullable().optional().describe("Null removes the URI."),
};

export const documentChangesSchema = z
  .strictObject(changes)
  .openapi("DocumentChanges", { example: { metadata: { topic: "refunds", draft: null } } });

export const updateSchema = z
  .strictObject({
    collection: collectionName.optional(),
    documents: z
      .array(z.strictObject({ id: idSchema, ...changes }))
      .min(1)
      .max(10_000)
      .describe("If an id occurs twice, both changes are applied, in order."),
  })
  .openapi("UpdateDocuments", {
    example: { documents: [{ id: "returns", metadata: { topic: "refunds", draft: null } }] },
  });

export const updatedSchema = z
  .object({
    updated: z.int().describe("Number of updated documents."),
    missing: z.array(z.string()).describe("Ids of documents that do not exist, in the order of the request."),
  })
  .openapi("Updated");

export function toUpdate(id: string, { metadata, uri }: z.infer<typeof documentChangesSchema>): DocumentUpdate {
  return { id, metadata: metadata as JsonObject | undefined, uri };
}
