/** The relevant documents of a question by id, with their grades. A grade is a positive number: the higher, the better. */
export type Grades = ReadonlyMap<string, number>;

/** Metrics of the ranking of one question, each from 0 to 1. */
export interface Scores {
  /** Normalized discounted cumulative gain: the gain is the grade, the discount is log2(rank + 1). */
  readonly ndcg: number;
  /** Share of the relevant documents that are among the results. */
  readonly recall: number;
  /** Reciprocal rank of the first relevant document; 0 if there is none. Its mean over the questions is MRR. */
  readonly mrr: number;
  /** 1 if a relevant document is among the results, else 0. Its mean is the hit rate. */
  readonly hit: number;
  /** 1 if there are no results, else 0. Its mean is the share of empty answers. */
  readonly empty: number;
}

export type Metric = keyof Scores;

export const METRICS: readonly Metric[] = ["ndcg", "recall", "mrr", "hit", "empty"];

/**
 * The scores of the first `k` documents of a ranking, best first. A document counts once, at its best rank. The definitions
 * are those of trec_eval's measures ndcg_cut_k, recall_k, success_k, and recip_rank of a run of `k` documents. A question
 * without relevant documents scores 0, as in trec_eval.
 */
export function scoreRanking(ids: readonly string[], grades: Grades, k: number): Scores {
  const gains = distinct(ids, k).map((id) => gainOf(grades.get(id)));
  const relevant = [...grades.values()].map(gainOf).filter((gain) => gain > 0);
  const ideal = discount(relevant.toSorted((a, b) => b - a).slice(0, k));
  const first = gains.findIndex((gain) => gain > 0);
  const found = gains.filter((gain) => gain > 0).length;
  return {
    ndcg: ideal === 0 ? 0 : discount(gains) / ideal,
    recall: relevant.length === 0 ? 0 : found / relevant.length,
    mrr: first < 0 ? 0 : 1 / (first + 1),
    hit: first < 0 ? 0 : 1,
    empty: ids.length === 0 ? 1 : 0,
  };
}

/** The first `k` distinct ids, in their order. */
export function distinct(ids: readonly string[], k: number): readonly string[] {
  return [...new Set(ids)].slice(0, k);
}

/** The mean of each metric. Zero for no scores. */
export function meanScores(scores: readonly Scores[]): Scores {
  const mean = (metric: Metric) => meanOf(scores.map((score) => score[metric]));
  return { ndcg: mean("ndcg"), recall: mean("recall"), mrr: mean("mrr"), hit: mean("hit"), empty: mean("empty") };
}

export function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The value below which a share of the values lies (nearest rank). Zero for no values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

/** A negative grade is not relevant, as in trec_eval. */
function gainOf(grade = 0): number {
  return Math.max(0, grade);
}

function discount(gains: readonly number[]): number {
  return gains.reduce((sum, gain, index) => sum + gain / Math.log2(index + 2), 0);
}
