import { z } from "@hono/zod-openapi";
import { metadataSchema } from "./collection.ts";

/** The headings of a passage. */
export const headingsSchema = z
  .array(z.string())
  .readonly()
  .describe("The headings above the start of the passage, outermost first. Absent: it has none.");

/** The fields of a passage in the form for a model. */
export const passageFields = {
  id: z.string(),
  chunk: z.int(),
  content: z.string().nullable(),
  headings: headingsSchema.optional(),
  metadata: metadataSchema,
  uri: z.string().nullable(),
  score: z.number(),
  others: z
    .int()
    .optional()
    .describe("Number of other matching passages of the document. Absent with group_by passage."),
};
