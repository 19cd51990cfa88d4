import { toDoubles } from "@cairn/core/database/doubles.ts";
import { z } from "@hono/zod-openapi";
import { collectionName } from "./collection.ts";
import { filterSchema, idSchema, whereDocumentSchema } from "./document.ts";
import { querySchema } from "./query.ts";

const { top_k, mode, max_distance, rerank } = querySchema.shape;

/** A variant of an evaluation: a name and options of POST /v1/query. */
export const variantSchema = z
  .strictObject({
    name: z.string().min(1).max(200).optional(),
    collection: collectionName.optional(),
    mode,
    top_k,
    filter: filterSchema.optional(),
    where_document: whereDocumentSchema.optional(),
    group_by: z.enum(["document", "passage"]).optional().describe("Default: document."),
    max_distance,
    rerank,
  })
  .openapi("EvaluationVariant", { example: { mode: "hybrid" } });

export const maxDrop = (z.preprocess(toDoubles, z.number().min(0).max(1)) as unknown as z.ZodNumber).describe(
  "Accepted drop of nDCG. Default 0.02.",
);

const cutoff = z.int().min(1).max(1000).optional().describe("Judged results of a question. Default 10.");
const variants = z.array(variantSchema).min(1).max(8).optional();
const date = z.iso.datetime();

export const questionSchema = z
  .strictObject({
    id: z.string().min(1).max(200).optional(),
    question: z.string().min(1).max(10_000),
    relevant: z
      .array(z.strictObject({ id: idSchema, grade: z.int().min(-1000).max(1000).optional() }))
      .min(1)
      .max(1000)
      .describe("A larger grade is better, 0 is not relevant. Default 1."),
    filter: filterSchema.optional(),
  })
  .openapi("EvaluationQuestion", {
    example: { question: "How long may I return a kettle?", relevant: [{ id: "returns", grade: 3 }] },
  });

export const newSetSchema = z
  .strictObject({
    name: z.string().min(1).max(200),
    questions: z.array(questionSchema).min(1).max(2000),
    variants: variants.describe("Default: the three modes."),
    cutoff,
    every_hours: z.int().min(1).max(8760).optional().describe("Hours between scheduled runs. Default: no schedule."),
    max_drop: maxDrop.optional(),
    replace: z.boolean().optional(),
  })
  .openapi("NewQuestionSet", {
    example: {
      name: "support questions",
      questions: [{ question: "How long may I return a kettle?", relevant: [{ id: "returns", grade: 3 }] }],
    },
  });

export const newRunSchema = z
  .strictObject({
    variants: variants.describe("Default: those of the set."),
    cutoff,
    baseline: z.string().min(1).max(200).optional().describe("Default: the first variant."),
  })
  .openapi("NewEvaluationRun", { example: {} });

export const setSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    question_count: z.int(),
    variants: z.array(variantSchema).optional(),
    cutoff: z.int(),
    every_hours: z.int().nullable(),
    max_drop: z.number(),
    due_at: date.nullable(),
    created_at: date,
    questions: z.array(questionSchema).optional().describe("Only of a single set."),
  })
  .openapi("QuestionSet");

const number = z.number();
const scores = { ndcg: number, recall: number, mrr: number, hit: number, empty: number };
const difference = z.object({ mean: number, low: number, high: number });

export const resultSchema = z.object({
  name: z.string(),
  collection: z.string(),
  model: z.string().nullable(),
  totals: z.object(scores).describe("Means over the questions."),
  latency: z.object({ p50: number, p95: number }).describe("Milliseconds, without the model."),
  tokens: z.int(),
  differences: z
    .object({ ndcg: difference, recall: difference, mrr: difference, hit: difference })
    .nullable()
    .describe("From the baseline, with 95 % intervals."),
});

export const runSchema = z
  .object({
    id: z.uuid(),
    started_by: z.enum(["request", "schedule", "gate"]),
    created_at: date,
    questions: z.int(),
    cutoff: z.int(),
    baseline: z.string(),
    seconds: number,
    variants: z.array(resultSchema),
    per_question: z
      .array(
        z.object({
          variant: z.string(),
          results: z.array(z.object({ id: z.string(), ...scores, ms: number, ids: z.array(z.string()) })),
        }),
      )
      .optional()
      .describe("Only of a single run."),
  })
  .openapi("EvaluationRun");
