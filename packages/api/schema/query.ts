import { toDoubles } from "@cairn/core/database/doubles.ts";
import type { Hit } from "@cairn/core/search/hit.ts";
import { HIT_FIELDS, type HitField } from "@cairn/core/search/output.ts";
import { z } from "@hono/zod-openapi";
import { collectionName, metadataSchema } from "./collection.ts";
import { filterSchema, whereDocumentSchema } from "./document.ts";
import { vectorSchema } from "./vector.ts";

const text = z.string().min(1).max(100_000);

const distance = z.preprocess(toDoubles, z.number()) as unknown as z.ZodNumber;

const wanted = {
  query: text.optional().describe("What to look for, as text."),
  query_embedding: vectorSchema.optional().describe("What to look for, as a vector."),
};

export const querySchema = z
  .strictObject({
    ...wanted,
    queries: z
      .array(z.strictObject(wanted))
      .min(1)
      .max(100)
      .optional()
      .describe("Many at once, in the place of query and query_embedding."),
    collection: collectionName.optional(),
    top_k: z
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe("Hits of each query at most, 10,000 in all. Default 10."),
    mode: z
      .enum(["vector", "keyword", "hybrid"])
      .optional()
      .describe("By meaning (the default), by words, or both, fused by reciprocal rank."),
    filter: filterSchema.optional(),
    where_document: whereDocumentSchema.optional(),
    group_by: z
      .enum(["document", "passage"])
      .optional()
      .describe("document: the best passage of each document, top_k documents. Default: passage."),
    max_distance: distance.optional().describe("Leaves out what is farther away."),
    include: z
      .array(z.enum(["content", "metadata", "uri"]))
      .optional()
      .describe("Fields of a hit beside id, chunk, distance and score. Default: all."),
  })
  .openapi("Query", { example: { query: "How long may I return a kettle?", top_k: 3 } });

export const hitSchema = z
  .object({
    id: z.string(),
    chunk: z.int().describe("Which passage of the document, from 0."),
    distance: z.number().nullable().describe("The metric's own; lower is better."),
    score: z.number().describe("0 to 1; higher is better; compares within one search."),
    content: z.string().nullable().optional(),
    metadata: metadataSchema.optional(),
    uri: z.string().nullable().optional(),
    vector_rank: z.int().nullable().optional(),
    keyword_rank: z.int().nullable().optional(),
    others: z
      .int()
      .optional()
      .describe("Other passages of the document that match, too; with group_by document."),
  })
  .openapi("Hit");

export const foundSchema = z
  .object({
    hits: z.array(hitSchema).describe("Of the query, or of the first of many."),
    results: z.array(z.array(hitSchema)).optional().describe("Of each of many queries, in their order."),
  })
  .openapi("Found");

export function fromHit(hit: Hit, include: readonly HitField[] = HIT_FIELDS): z.infer<typeof hitSchema> {
  const { id, chunk, distance, score, vectorRank, keywordRank, others } = hit;
  return {
    id,
    chunk,
    distance,
    score,
    ...Object.fromEntries(include.map((field) => [field, hit[field]])),
    ...(vectorRank === undefined ? {} : { vector_rank: vectorRank }),
    ...(keywordRank === undefined ? {} : { keyword_rank: keywordRank }),
    ...(others === undefined ? {} : { others }),
  };
}
