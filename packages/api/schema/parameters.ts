import { z } from "@hono/zod-openapi";
import { collectionName } from "./collection.ts";

export const namedCollection = z.object({
  collection: collectionName.openapi({ param: { name: "collection", in: "path" }, example: "knowledge" }),
});

export const idempotencyHeader = z.object({
  "idempotency-key": z.string().max(255).optional().openapi({
    description: "A request with this key has one effect and one response, however often it is sent within 24 hours.",
  }),
});

export function idParameter<Name extends string>(name: Name, description: string) {
  return z.object({
    [name]: z
      .string()
      .min(1)
      .max(100_000)
      .openapi({ param: { name, in: "path" }, description, example: "returns" }),
  } as Record<Name, z.ZodString>);
}

/** An integer in a query string, as decimal digits. `0x10`, `1e2` and an empty value are refused. */
export function integerParameter(minimum: number, maximum: number, description: string) {
  return z
    .preprocess(
      (text) => (typeof text === "string" && /^-?\d{1,15}$/.test(text) ? Number(text) : text),
      z.int().min(minimum).max(maximum).optional(),
    )
    .openapi({ type: "integer", minimum, maximum, description });
}

/** A filter as JSON in a query string. */
const jsonParameter = z.string().max(100_000).optional();

export const filterParameter = jsonParameter.openapi({
  description: "A filter on metadata, as JSON.",
  example: '{"topic": "returns"}',
});

export const whereDocumentParameter = jsonParameter.openapi({
  description: "A filter on the text, as JSON.",
  example: '{"$contains": "refund"}',
});

export const collectionQuery = z.object({ collection: collectionName.optional() });

export const documentParameter = idParameter("document", "The id of the document.");

/** Fields of a passage that are returned only if they are requested. */
export const passageField = z.enum(["embedding"]);

export const includeParameter = passageField
  .optional()
  .openapi({ description: "`embedding`: passages have their vectors." });
