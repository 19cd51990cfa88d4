import { toDoubles } from "@cairn/core/database/doubles.ts";
import type { Question } from "@cairn/core/evaluation/question.ts";
import type { EvaluationRun } from "@cairn/core/evaluation/run.ts";
import type { QuestionSet } from "@cairn/core/evaluation/set.ts";
import { nameVariant, type Variant } from "@cairn/core/evaluation/variant.ts";
import { z } from "@hono/zod-openapi";
import { collectionName } from "./collection.ts";
import { filterSchema, idSchema, whereDocumentSchema } from "./document.ts";
import { querySchema } from "./query.ts";

const { top_k, mode, max_distance } = querySchema.shape;

/** A variant of an evaluation: a name and options of POST /v1/query. */
export const variantSchema = z
  .strictObject({
    name: z.string().min(1).max(200).optional().describe("Default: made from the options."),
    collection: collectionName.optional().describe("Name or id, also of a draft. Default: knowledge."),
    mode,
    top_k: top_k.describe("Default: the number of results that are judged."),
    filter: filterSchema.optional().describe("In addition to the filter of a question."),
    where_document: whereDocumentSchema.optional(),
    group_by: z.enum(["document", "passage"]).optional().describe("Default: document, because documents are judged."),
    max_distance,
  })
  .openapi("EvaluationVariant", { example: { mode: "hybrid" } });

export function toVariant({ name, ...fields }: z.infer<typeof variantSchema>): Variant {
  const { top_k: topK, where_document: whereDocument, group_by: groupBy, max_distance: maxDistance, ...rest } = fields;
  const entries = Object.entries({ ...rest, topK, whereDocument, groupBy, maxDistance });
  const options = Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  return { name: name ?? nameVariant(options), options };
}

export function fromVariant({ name, options }: Variant): z.infer<typeof variantSchema> {
  const { topK, whereDocument, groupBy, maxDistance, collection, mode, filter } = options;
  return {
    name,
    collection,
    mode,
    top_k: topK,
    filter: filter as z.infer<typeof filterSchema> | undefined,
    where_document: whereDocument as z.infer<typeof whereDocumentSchema> | undefined,
    group_by: groupBy,
    max_distance: maxDistance,
  };
}

export const maxDrop = (z.preprocess(toDoubles, z.number().min(0).max(1)) as unknown as z.ZodNumber).describe(
  "Largest accepted drop of nDCG. Default: that of the question set, or 0.02.",
);

const cutoff = z.int().min(1).max(1000).optional().describe("Results of a question that are judged. Default 10.");
const variants = z.array(variantSchema).min(1).max(8).optional();
const date = z.iso.datetime();

const questionSchema = z
  .strictObject({
    id: z.string().min(1).max(200).optional().describe("Unique in the set. Default: its number, from 1."),
    question: z.string().min(1).max(10_000),
    relevant: z
      .array(z.strictObject({ id: idSchema, grade: z.int().min(-1000).max(1000).optional() }))
      .min(1)
      .max(1000)
      .describe("Judged documents. A larger grade is better, 0 is not relevant. Default grade 1."),
    filter: filterSchema.optional().describe("In addition to the filter of a variant."),
  })
  .openapi("EvaluationQuestion", {
    example: { question: "How long may I return a kettle?", relevant: [{ id: "returns", grade: 3 }] },
  });

export const newSetSchema = z
  .strictObject({
    name: z.string().min(1).max(200),
    questions: z.array(questionSchema).min(1).max(2000),
    variants: variants.describe("Default: vector, keyword and hybrid search of the collection knowledge."),
    cutoff,
    every_hours: z
      .int()
      .min(1)
      .max(8760)
      .optional()
      .describe("Hours between two scheduled runs. Default: no schedule."),
    max_drop: maxDrop.optional(),
    replace: z.boolean().optional().describe("Whether a set of this name is replaced; its runs are kept."),
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
    baseline: z.string().min(1).max(200).optional().describe("Name of a variant. Default: the first."),
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
    due_at: date.nullable().describe("Next scheduled run."),
    created_at: date,
  })
  .openapi("QuestionSet");

export const setWithQuestionsSchema = setSchema
  .extend({ questions: z.array(questionSchema) })
  .openapi("QuestionSetWithQuestions");

const scores = { ndcg: z.number(), recall: z.number(), mrr: z.number(), hit: z.number(), empty: z.number() };
const difference = z.object({ mean: z.number(), low: z.number(), high: z.number() });

const resultSchema = z.object({
  name: z.string(),
  collection: z.string(),
  model: z.string().nullable(),
  totals: z
    .object(scores)
    .describe("Means over the questions. Mean of hit: the hit rate; of empty: share of empty answers."),
  latency: z.object({ p50: z.number(), p95: z.number() }).describe("Milliseconds of a search, without the model."),
  tokens: z.int(),
  differences: z
    .object({ ndcg: difference, recall: difference, mrr: difference, hit: difference })
    .nullable()
    .describe("From the baseline, with the bounds of the 95 % interval. Null: it is the baseline."),
});

export const runSchema = z
  .object({
    id: z.uuid(),
    started_by: z.enum(["request", "schedule", "gate"]),
    created_at: date,
    questions: z.int(),
    cutoff: z.int(),
    baseline: z.string(),
    seconds: z.number(),
    variants: z.array(resultSchema),
  })
  .openapi("EvaluationRun");

export const runWithQuestionsSchema = runSchema
  .extend({
    per_question: z
      .array(
        z.object({
          variant: z.string(),
          results: z.array(z.object({ id: z.string(), ...scores, ms: z.number(), ids: z.array(z.string()) })),
        }),
      )
      .describe("The results of each question, by variant."),
  })
  .openapi("EvaluationRunWithQuestions");

export function toQuestions(questions: z.infer<typeof newSetSchema>["questions"]): readonly Question[] {
  return questions.map(({ id, question, relevant, filter }, index) => ({
    id: id ?? `${index + 1}`,
    text: question,
    grades: new Map(relevant.map((judged) => [judged.id, judged.grade ?? 1])),
    ...(filter === undefined ? {} : { filter }),
  }));
}

export function fromQuestion({ id, text, grades, filter }: Question): z.infer<typeof questionSchema> {
  const relevant = [...grades].map(([document, grade]) => ({ id: document, grade }));
  return {
    id,
    question: text,
    relevant,
    ...(filter == null ? {} : { filter: filter as z.infer<typeof filterSchema> }),
  };
}

export function fromSet({ id, name, questions, settings, dueAt, createdAt }: QuestionSet): z.infer<typeof setSchema> {
  return {
    id,
    name,
    question_count: questions,
    ...(settings.variants ? { variants: settings.variants.map(fromVariant) } : {}),
    cutoff: settings.cutoff ?? 10,
    every_hours: settings.everyHours ?? null,
    max_drop: settings.maxDrop ?? 0.02,
    due_at: dueAt?.toISOString() ?? null,
    created_at: createdAt.toISOString(),
  };
}

export function fromRun({ id, startedBy, createdAt, summary }: EvaluationRun): z.infer<typeof runSchema> {
  const { questions, cutoff: judged, baseline, seconds } = summary;
  const results = summary.variants.map(({ options: _, ...variant }) => variant);
  return {
    id,
    started_by: startedBy,
    created_at: createdAt.toISOString(),
    questions,
    cutoff: judged,
    baseline,
    seconds,
    variants: results as z.infer<typeof resultSchema>[],
  };
}
