import { toDoubles } from "@cairn/core/database/doubles.ts";
import { expandedFields } from "@cairn/core/search/expansion.ts";
import type { Hit } from "@cairn/core/search/hit.ts";
import { HIT_FIELDS, type HitField } from "@cairn/core/search/output.ts";
import { z } from "@hono/zod-openapi";
import { collectionName, metadataSchema } from "./collection.ts";
import { filterSchema, whereDocumentSchema } from "./document.ts";
import { headingsSchema, searchedFields } from "./passage.ts";
import { expandSchema, rerankOutcomeSchema, rerankSchema } from "./rerank.ts";
import { vectorSchema } from "./vector.ts";

const text = z.string().min(1).max(100_000);

const topK = z.int().min(1).max(1000).optional();

const distance = z.preprocess(toDoubles, z.number()) as unknown as z.ZodNumber;

const queryFields = {
  query: text.optional().describe("The query as text."),
  query_embedding: vectorSchema.optional().describe("The query as a vector."),
};

export const querySchema = z
  .strictObject({
    ...queryFields,
    queries: z
      .array(z.strictObject(queryFields))
      .min(1)
      .max(100)
      .optional()
      .describe("Several queries in one request, instead of query and query_embedding."),
    collection: collectionName.optional(),
    top_k: topK.describe("Maximum hits of each query, and at most 10,000 for all queries together. Default 10."),
    mode: z
      .enum(["vector", "keyword", "hybrid"])
      .optional()
      .describe(
        "`vector` searches by meaning, `keyword` by words, and `hybrid` fuses both by reciprocal rank. Default: vector.",
      ),
    filter: filterSchema.optional(),
    where_document: whereDocumentSchema.optional(),
    group_by: z
      .enum(["document", "passage"])
      .optional()
      .describe("`document` returns only the best passage of each document, for top_k documents. Default: passage."),
    rerank: rerankSchema.optional(),
    expand: expandSchema.optional(),
    max_distance: distance.optional().describe("Omits hits with a larger distance."),
    include: z
      .array(z.enum(["content", "metadata", "uri", "embedding"]))
      .optional()
      .describe(
        "Fields of a hit in addition to id, chunk, distance and score. Default: content, metadata and uri. Vectors are large: about 12 bytes an element.",
      ),
  })
  .openapi("Query", { example: { query: "How long may I return a kettle?", top_k: 3 } });

export const hitSchema = z
  .object({
    id: z.string(),
    chunk: z.int().describe("Number of the passage in the document, from 0."),
    distance: z.number().nullable().describe("Distance in the metric of the collection; lower is better."),
    score: z.number().describe("0 to 1; higher is better. Comparable within one search only."),
    content: z.string().nullable().optional(),
    headings: headingsSchema.optional(),
    metadata: metadataSchema.optional(),
    uri: z.string().nullable().optional(),
    embedding: z
      .array(z.number())
      .nullable()
      .optional()
      .describe("The vector, as the shortest decimals of its 32-bit floats. Only with include. Null: it has none."),
    vector_rank: z.int().nullable().optional(),
    keyword_rank: z.int().nullable().optional(),
    others: z
      .int()
      .optional()
      .describe("Number of other matching passages of the document. Only with group_by document."),
    ...searchedFields,
  })
  .openapi("Hit");

export const queryResultSchema = z
  .object({
    hits: z.array(hitSchema).describe("Hits of the query, or of the first of several queries."),
    results: z
      .array(z.array(hitSchema))
      .optional()
      .describe("Hits of each of several queries, in the order of the request."),
    rerank: rerankOutcomeSchema.optional(),
    reranks: z
      .array(rerankOutcomeSchema)
      .optional()
      .describe("What the rerank model did for each of several queries, in the order of the request."),
  })
  .openapi("Found");

export function fromHit(hit: Hit, include: readonly HitField[] = HIT_FIELDS): z.infer<typeof hitSchema> {
  const { id, chunk, distance, score, headings, vectorRank, keywordRank, others, rerankScore, expanded } = hit;
  return {
    id,
    chunk,
    distance,
    score,
    ...Object.fromEntries(include.map((field) => [field, hit[field]])),
    ...(headings ? { headings } : {}),
    ...(vectorRank === undefined ? {} : { vector_rank: vectorRank }),
    ...(keywordRank === undefined ? {} : { keyword_rank: keywordRank }),
    ...(others === undefined ? {} : { others }),
    ...(rerankScore === undefined ? {} : { rerank_score: rerankScore }),
    ...expandedFields(expanded),
  };
}
