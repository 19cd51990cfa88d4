import { z } from "@hono/zod-openapi";
import { metadataSchema } from "./collection.ts";

/** The fields of a passage as a model is given it. */
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
    .describe("Other passages of the document that match, too; not with group_by passage."),
};
