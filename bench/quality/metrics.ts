import type { JudgedQuestion } from "./sets.ts";

/** Metrics of a ranking of documents, with at most ten results. */
export interface Quality {
  /** Normalized discounted cumulative gain, with linear gains as in trec_eval. */
  readonly ndcg: number;
  /** Share of the relevant documents among the results. */
  readonly recall: number;
  /** The reciprocal rank of the first relevant document. */
  readonly mrr: number;
}

/** The quality of the ten first results of a question. */
export function qualityOf(ids: readonly string[], { gains }: JudgedQuestion): Quality {
  const discounted = (list: readonly number[]) => list.reduce((sum, gain, at) => sum + gain / Math.log2(at + 2), 0);
  const found = ids.slice(0, 10).map((id) => gains.get(id) ?? 0);
  const ideal = [...gains.values()].toSorted((a, b) => b - a).slice(0, 10);
  const first = found.findIndex((gain) => gain > 0);
  return {
    ndcg: discounted(found) / discounted(ideal),
    recall: found.filter((gain) => gain > 0).length / gains.size,
    mrr: first < 0 ? 0 : 1 / (first + 1),
  };
}

export function meanOf(qualities: readonly Quality[]): Quality {
  const mean = (name: keyof Quality) => qualities.reduce((sum, quality) => sum + quality[name], 0) / qualities.length;
  return { ndcg: mean("ndcg"), recall: mean("recall"), mrr: mean("mrr") };
}
