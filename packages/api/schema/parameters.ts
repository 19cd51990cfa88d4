import { z } from "@hono/zod-openapi";
import { collectionName } from "./collection.ts";

export const namedCollection = z.object({
  collection: collectionName.openapi({ param: { name: "collection", in: "path" }, example: "knowledge" }),
});

export const idempotencyHeader = z.object({
  "idempotency-key": z.string().max(255).optional().openapi({
    description: "However often the request is sent within 24 hours, it has one effect and one answer.",
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

/** A number in a query string. */
export function numberParameter(least: number, most: number, description: string) {
  return z.coerce
    .number()
    .int()
    .min(least)
    .max(most)
    .optional()
    .openapi({ type: "integer", minimum: least, maximum: most, description });
}

/** JSON in a query string: a filter. */
export const filterParameter = z
  .string()
  .max(100_000)
  .optional()
  .openapi({ description: "A filter on metadata, as JSON.", example: '{"topic": "returns"}' });
