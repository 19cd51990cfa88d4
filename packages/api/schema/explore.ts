import { z } from "@hono/zod-openapi";
import { querySchema } from "./query.ts";

const scalar = z.union([z.string(), z.number(), z.boolean()]);

export const metadataKeysSchema = z
  .object({
    sampled: z.int().describe("Number of documents that were read, the newest first; at most 1,000."),
    keys: z
      .array(
        z.object({
          key: z.string(),
          documents: z.int().describe("Sampled documents with the key."),
          types: z.array(z.enum(["string", "number", "boolean", "array", "object", "null"])),
          minimum: z.number().nullable().describe("The smallest number. Null: no value is a number."),
          maximum: z.number().nullable().describe("The largest number."),
          values: z
            .array(z.object({ value: scalar, count: z.int() }))
            .describe("The most frequent values first. Items of a list count as values. Long values are left out."),
        }),
      )
      .describe("The most frequent keys first, at most 100."),
  })
  .openapi("MetadataKeys");

export const explainSchema = querySchema
  .omit({ queries: true, include: true, rerank: true, expand: true })
  .openapi("Explain", { example: { query: "How long may I return a kettle?", mode: "hybrid" } });

export const explanationSchema = z
  .object({
    summary: z.array(z.string()).describe("What the search does and why, in one or two sentences for each list."),
    steps: z.array(
      z.object({
        list: z.enum(["vector", "keyword"]),
        settings: z.array(z.string()).describe("Settings of Postgres that apply to the statement."),
        sql: z.string().describe("The statement, with parameters $1, $2 and so on."),
        plan: z.array(z.string()).describe("The plan of Postgres, in lines, without estimates."),
      }),
    ),
  })
  .openapi("Explanation");
