import type { Difference } from "./bootstrap.ts";
import type { Metric, Scores } from "./metrics.ts";
import type { VariantOptions } from "./variant.ts";

/** How well each variant answered the questions. It contains ids of documents, never their texts. */
export interface Evaluation {
  /** Version of this format. */
  readonly version: 1;
  /** ISO 8601 in UTC. */
  readonly createdAt: string;
  readonly questions: number;
  /** Results of each question that are judged: the k of nDCG@k. */
  readonly cutoff: number;
  /** Name of the variant that the others are compared with. */
  readonly baseline: string;
  /** Wall time in seconds, with embedding the questions. */
  readonly seconds: number;
  readonly variants: readonly VariantResult[];
}

export interface VariantResult {
  readonly name: string;
  readonly options: VariantOptions;
  readonly collection: string;
  /** `provider/model` of the collection. */
  readonly model: string | null;
  /** Means over the questions. */
  readonly totals: Scores;
  readonly latency: Latency;
  /** Tokens sent to the model, for questions whose vectors were not cached. Variants of the same model share them. */
  readonly tokens: number;
  /** Differences from the baseline by metric. Null for the baseline itself. */
  readonly differences: Readonly<Record<ComparedMetric, Difference>> | null;
  /** One for each question, in the order of the questions. */
  readonly perQuestion: readonly QuestionResult[];
}

export type ComparedMetric = Exclude<Metric, "empty">;

export const COMPARED_METRICS: readonly ComparedMetric[] = ["ndcg", "recall", "mrr", "hit"];

/** Milliseconds of a search, without embedding the question. */
export interface Latency {
  readonly p50: number;
  readonly p95: number;
}

export interface QuestionResult extends Scores {
  /** Id of the question. */
  readonly id: string;
  /** Milliseconds of the search, without embedding the question. */
  readonly ms: number;
  /** Ids of the first distinct documents, best first, at most `cutoff`. */
  readonly ids: readonly string[];
}
