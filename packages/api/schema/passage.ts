import { z } from "@hono/zod-openapi";
import { metadataSchema } from "./collection.ts";

/** The headings of a passage. */
export const headingsSchema = z
  .array(z.string())
  .readonly()
  .describe("The headings above the start of the passage, outermost first. Absent: it has none.");

const position = z.int().describe("Position in UTF-16 code units.");

const expandedSchema = z
  .object({
    first_chunk: z.int(),
    last_chunk: z.int(),
    start: position,
    end: position,
    truncated: z.boolean().describe("Whether passages were left out because of a limit."),
    matches: z
      .array(z.object({ chunk: z.int(), start: position, end: position }))
      .readonly()
      .describe("The matching passages, best first, and where they are in `content`."),
  })
  .openapi("ExpandedText");

/** The fields of a hit with rerank and expand. */
export const searchedFields = {
  rerank_score: z
    .number()
    .nullable()
    .optional()
    .describe("Score of the rerank model. Null: it did not score the passage. Only if its order was applied."),
  expanded: expandedSchema
    .nullable()
    .optional()
    .describe(
      "What `content` is a part of, in the text of the document: passages and positions. Null: `content` is the passage alone, because its position is not known. Only with expand.",
    ),
};

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
  ...searchedFields,
};
