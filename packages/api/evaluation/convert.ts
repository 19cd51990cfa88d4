import { toRerankRequest } from "@cairn/core/assistant/search-tool.ts";
import type { Question } from "@cairn/core/evaluation/question.ts";
import type { EvaluationRun } from "@cairn/core/evaluation/run.ts";
import type { QuestionSet } from "@cairn/core/evaluation/set.ts";
import { nameVariant, type Variant } from "@cairn/core/evaluation/variant.ts";
import type { z } from "@hono/zod-openapi";
import type { filterSchema, whereDocumentSchema } from "../schema/document.ts";
import type {
  newSetSchema,
  questionSchema,
  resultSchema,
  runSchema,
  setSchema,
  variantSchema,
} from "../schema/evaluation.ts";

// Imported on first use: most requests are not about evaluations.

export function toVariant({ name, ...fields }: z.infer<typeof variantSchema>): Variant {
  const {
    top_k: topK,
    where_document: whereDocument,
    group_by: groupBy,
    max_distance: maxDistance,
    rerank,
    ...rest
  } = fields;
  const entries = Object.entries({
    ...rest,
    ...{ topK, whereDocument, groupBy, maxDistance },
    rerank: rerank && toRerankRequest(rerank),
  });
  const options = Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  return { name: name ?? nameVariant(options), options };
}

function fromVariant({ name, options }: Variant): z.infer<typeof variantSchema> {
  const { topK, whereDocument, groupBy, maxDistance, collection, mode, filter, rerank } = options;
  return {
    name,
    collection,
    mode,
    top_k: topK,
    filter: filter as z.infer<typeof filterSchema> | undefined,
    where_document: whereDocument as z.infer<typeof whereDocumentSchema> | undefined,
    group_by: groupBy,
    max_distance: maxDistance,
    ...(rerank ? { rerank: { model: rerank.model, top_n: rerank.topN } } : {}),
  };
}

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
