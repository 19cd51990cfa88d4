import { type JsonObject, parseJson } from "@cairn/core/database/json.ts";
import { z } from "@hono/zod-openapi";
import { chunkingFields, collectionName } from "./collection.ts";
import { ingestedSchema } from "./document.ts";

/** Maximum files of an upload. */
const MAX_FILES = 100;

const MAX_NAME_LENGTH = 1_000;

const uploadSchema = z
  .file()
  .refine(({ name }) => name !== "" && name.length <= MAX_NAME_LENGTH, {
    error: `A file needs a name of 1 to ${MAX_NAME_LENGTH} characters`,
  })
  .openapi({ type: "string", format: "binary" });

const whole = (schema: z.ZodInt) => z.preprocess((text) => (text === "" ? Number.NaN : Number(text)), schema);

const metadataText = z.string().transform((text, context): JsonObject => {
  try {
    const value = parseJson(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch {
    // reported below
  }
  context.addIssue({ code: "custom", message: 'It must be a JSON object, such as {"topic": "returns"}' });
  return z.NEVER;
});

export const uploadFormSchema = z
  .strictObject({
    file: z
      .preprocess((value = []) => (Array.isArray(value) ? value : [value]), z.array(uploadSchema).min(1).max(MAX_FILES))
      .openapi({
        type: "array",
        items: { type: "string", format: "binary" },
        description:
          "One or more files: PDF, Word (.docx), HTML, Markdown, text, CSV, JSON, JSON Lines. The name is the id of the document.",
      }),
    collection: collectionName.optional(),
    metadata: metadataText.optional().openapi({
      type: "string",
      description: "Metadata of every document, as a JSON object.",
      example: '{"topic": "returns"}',
    }),
    max_tokens: whole(chunkingFields.max_tokens).optional().openapi({ type: "integer" }),
    overlap: whole(chunkingFields.overlap).optional().openapi({ type: "integer" }),
  })
  .openapi("Upload");

export const uploadedSchema = ingestedSchema
  .extend({
    files: z
      .array(z.object({ file: z.string(), documents: z.int() }))
      .describe("The files that were read, with their number of documents. Files that were not are in `failed`."),
  })
  .openapi("Uploaded");
