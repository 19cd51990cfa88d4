import type { Collection } from "../collection/collection.ts";
import { getCollection } from "../collection/get.ts";
import { AppError } from "../error.ts";
import { query } from "../search/query.ts";
import type { Services } from "../services.ts";
import { pairedDifference } from "./bootstrap.ts";
import { type EmbeddedQuestions, embedQuestions } from "./embed-questions.ts";
import {
  COMPARED_METRICS,
  type ComparedMetric,
  type Evaluation,
  type QuestionResult,
  type VariantResult,
} from "./evaluation.ts";
import { distinct, meanScores, percentile, scoreRanking } from "./metrics.ts";
import { assertQuestions, type Question } from "./question.ts";
import { assertVariants, type Variant, type VariantOptions } from "./variant.ts";

export interface EvaluateOptions {
  readonly questions: readonly Question[];
  /** 1 to 8. */
  readonly variants: readonly Variant[];
  /** Results of a question that are judged, 1 to 1,000. Default 10. */
  readonly cutoff?: number;
  /** Name of the variant that the others are compared with. Default: the first. */
  readonly baseline?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: EvaluationProgress) => void;
}

export interface EvaluationProgress {
  readonly phase: "embed" | "search";
  /** Questions so far. */
  readonly done: number;
  readonly total: number;
}

/** Default number of results that are judged. */
export const DEFAULT_CUTOFF = 10;

/**
 * Asks the questions with each variant and compares the results with the judgements. A question's searches run one after the
 * other, so that a slower machine affects all variants. Vectors of questions are cached for the tenant.
 * Throws `invalid_input`, and the errors of `query`.
 */
export async function evaluate(services: Services, tenantId: string, options: EvaluateOptions): Promise<Evaluation> {
  const { questions, variants, cutoff = DEFAULT_CUTOFF, signal, onProgress } = options;
  const startedAt = performance.now();
  assertVariants(variants);
  assertQuestions(questions);
  const baseline = options.baseline ?? variants[0]?.name ?? "";
  if (!variants.some(({ name }) => name === baseline))
    throw new AppError("invalid_input", `The baseline ${JSON.stringify(baseline)} is not one of the variants.`, {
      path: "baseline",
    });
  const prepared = await prepareVariants(services, tenantId, options);
  const results = prepared.map((): QuestionResult[] => []);
  for (const [index, question] of questions.entries()) {
    signal?.throwIfAborted();
    for (const [which, { variant, embedded }] of prepared.entries()) {
      const input = { question, embedding: embedded?.vectors[index], options: variant.options, cutoff, signal };
      if (index === 0) await ask(services, tenantId, input); // warm-up: reads the collection and plans the search
      results[which]?.push(await ask(services, tenantId, input));
    }
    onProgress?.({ phase: "search", done: index + 1, total: questions.length });
  }
  const before = results[variants.findIndex(({ name }) => name === baseline)] ?? [];
  const summaries: VariantResult[] = [];
  for (const [which, { variant, collection, embedded }] of prepared.entries()) {
    const perQuestion = results[which] ?? [];
    const times = perQuestion.map(({ ms }) => ms);
    summaries.push({
      ...variant,
      collection: collection.name,
      model: collection.embeddingModel,
      totals: meanScores(perQuestion),
      latency: { p50: percentile(times, 0.5), p95: percentile(times, 0.95) },
      tokens: embedded?.tokens ?? 0,
      differences: variant.name === baseline ? null : await compareResults(before, perQuestion),
      perQuestion,
    });
  }
  return {
    version: 1,
    createdAt: new Date().toISOString(),
    questions: questions.length,
    cutoff,
    baseline,
    seconds: (performance.now() - startedAt) / 1000,
    variants: summaries,
  };
}

/** Differences of two variants' results of the same questions, by metric. */
export async function compareResults(
  before: readonly QuestionResult[],
  after: readonly QuestionResult[],
): Promise<VariantResult["differences"] & object> {
  const differences: Partial<Record<ComparedMetric, Awaited<ReturnType<typeof pairedDifference>>>> = {};
  for (const metric of COMPARED_METRICS)
    differences[metric] = await pairedDifference(
      before.map((result) => result[metric]),
      after.map((result) => result[metric]),
    );
  return differences as Required<typeof differences>;
}

interface PreparedVariant {
  readonly variant: Variant;
  readonly collection: Collection;
  /** Undefined: the variant compares no vectors. */
  readonly embedded: EmbeddedQuestions | undefined;
}

/** Reads the collections and embeds the questions once for each model. */
async function prepareVariants(
  services: Services,
  tenantId: string,
  { variants, questions, signal, onProgress }: EvaluateOptions,
): Promise<readonly PreparedVariant[]> {
  const bySpace = new Map<string, EmbeddedQuestions>();
  const prepared: PreparedVariant[] = [];
  for (const variant of variants) {
    const collection = await getCollection(services.database, tenantId, variant.options.collection);
    const space = `${collection.embeddingModel} ${collection.dimensions}`;
    if (variant.options.mode !== "keyword" && !bySpace.has(space)) {
      const embedded = await embedQuestions(services, collection, questions, {
        signal,
        onProgress: (done) => onProgress?.({ phase: "embed", done, total: questions.length }),
      });
      bySpace.set(space, embedded);
    }
    const embedded = variant.options.mode === "keyword" ? undefined : bySpace.get(space);
    prepared.push({ variant, collection, embedded });
  }
  return prepared;
}

interface Asked {
  readonly question: Question;
  readonly embedding: Float32Array | undefined;
  readonly options: VariantOptions;
  readonly cutoff: number;
  readonly signal: AbortSignal | undefined;
}

/** The scores and the latency of one search. Hits are documents unless the variant groups by passage. */
async function ask(services: Services, tenantId: string, asked: Asked): Promise<QuestionResult> {
  const { question, cutoff } = asked;
  const startedAt = performance.now();
  const hits = await query(services, tenantId, searchOf(asked));
  const ms = performance.now() - startedAt;
  const ids = hits.map(({ id }) => id);
  return {
    id: question.id,
    ...scoreRanking(ids, question.grades, cutoff),
    ms: Math.round(ms * 100) / 100,
    ids: distinct(ids, cutoff),
  };
}

/** The search of a question with a variant. Without `include`, hits have no fields. */
export function searchOf({ question, embedding, options, cutoff, signal }: Asked) {
  return {
    topK: cutoff,
    groupBy: "document",
    include: [],
    ...options,
    filter: bothFilters(options.filter, question.filter),
    ...inputOf(question.text, embedding, options.mode),
    signal,
  } as const;
}

/** A search by vector has no text, and one by keyword no vector. Without a vector, the search embeds the text itself. */
function inputOf(text: string, embedding: Float32Array | undefined, mode: VariantOptions["mode"] = "vector") {
  if (!embedding || mode === "keyword") return { text };
  return mode === "vector" ? { embedding } : { text, embedding };
}

function bothFilters(first: unknown, second: unknown): unknown {
  if (first == null || second == null) return first ?? second;
  return { $and: [first, second] };
}
