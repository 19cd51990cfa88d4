import { toDoubles } from "@cairn/core/database/doubles.ts";
import { z } from "@hono/zod-openapi";

/** Maximum dimensions of a vector in Postgres. Source: pgvector's README, "Vector Type". */
const MAX_DIMENSIONS = 16_000;

const BYTES_PER_FLOAT = 4;

/** Whether the text is base64 of one or more 32-bit floats. Decoding skips invalid characters, which the length check detects. */
function isFloatBase64(text: string): boolean {
  const bytes = Buffer.byteLength(text, "base64");
  if (bytes === 0 || bytes > BYTES_PER_FLOAT * MAX_DIMENSIONS) return false;
  if (bytes % BYTES_PER_FLOAT !== 0 || text.length % 4 !== 0) return false;
  return Buffer.from(text, "base64").length === bytes;
}

const error = `A vector must be 1 to ${MAX_DIMENSIONS} numbers, or as many little-endian 32-bit floats in base64`;

const base64Schema = z
  .string()
  .refine(isFloatBase64, { error })
  .openapi({ pattern: "^[A-Za-z0-9+/]+={0,2}$", example: "AACAPwAAAEAAAEBA" });

/** A vector as numbers or as base64, which is a quarter of the size and parses in a tenth of the time. */
const wellFormed = z.union([z.array(z.number()).min(1).max(MAX_DIMENSIONS), base64Schema], { error }).openapi({
  description:
    "A vector with the collection's dimensions, from its model: numbers, or little-endian 32-bit floats in base64, as in OpenAI's API with `encoding_format: base64`. Base64 needs a quarter of the bytes.",
  example: [0.1, 0.2, 0.3],
});

/** Accepts large integers as floats as well. The OpenAPI description shows only the well-formed schema. */
export const vectorSchema = z.preprocess(toDoubles, wellFormed) as unknown as typeof wellFormed;

/** Decodes a vector of a request. */
export function toVector(input: z.infer<typeof vectorSchema>): Float32Array {
  if (typeof input !== "string") return new Float32Array(input);
  const vector = new Float32Array(Buffer.byteLength(input, "base64") / BYTES_PER_FLOAT);
  Buffer.from(vector.buffer).write(input, "base64");
  return vector;
}
