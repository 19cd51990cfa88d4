import { z } from "@hono/zod-openapi";
import { metadataSchema } from "./collection.ts";

/** The fields of a passage in the form for a model. */
export const passageFields = {
  id: z.string(),
  chunk: z.int(),
  content: z.string().nullable(),
  metadata: metadataSchema,
  uri: z.string().nullable(),
  score: z.number(),
  others: z
    .int()
    .optional()
    .describe("Number of other matching passages of the document. Absent with group_by passage."),
};
