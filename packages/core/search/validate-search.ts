import { AppError } from "../error.ts";
import { candidatesOf, MAX_RERANKED } from "../rerank/reranker.ts";
import { validateExpansion } from "./expansion.ts";
import type { LocatedOptions } from "./query.ts";

/** Default maximum of `topK`. */
const MAX_TOP_K = 1_000;

/** Maximum rows of all queries of a request that are read for a rerank model. */
const MAX_CANDIDATES = 2_000;

/** Throws `invalid_input` for a search that cannot be run, with the path of the field. */
export function validateSearch(options: LocatedOptions & { readonly topK: number }): void {
  const { topK, maxTopK = MAX_TOP_K, mode, queries, maxDistance, pathOf } = options;
  const maxHits = 10 * maxTopK;
  if (!(Number.isInteger(topK) && topK >= 1 && topK <= maxTopK))
    throw invalid("top_k", `top_k must be a whole number from 1 to ${maxTopK.toLocaleString("en")}, not ${topK}.`);
  if (mode !== "vector" && mode !== "keyword" && mode !== "hybrid")
    throw invalid("mode", `mode must be vector, keyword or hybrid, not ${JSON.stringify(mode)}.`);
  if (mode === "keyword" && maxDistance !== undefined)
    throw invalid(
      "max_distance",
      "max_distance cannot be used with mode keyword, which has no distances. Omit max_distance, or use mode hybrid.",
    );
  if (queries.length < 1 || queries.length > 100)
    throw invalid("queries", `A request must have 1 to 100 queries, not ${queries.length}.`);
  if (queries.length * topK > maxHits)
    throw invalid(
      "top_k",
      `A request returns at most ${maxHits} hits: ${queries.length} queries allow a top_k of ${Math.floor(maxHits / queries.length)}, not ${topK}. Lower top_k or send fewer queries.`,
    );
  validateRerank(options);
  validateExpansion(options.expand, options.include);
  for (const [index, { text, embedding }] of queries.entries()) {
    if (mode === "vector" && (text === undefined) === (embedding === undefined))
      throw invalid(pathOf(index, "query"), "A query must have either a text or an embedding. Give one of them.");
    if (mode !== "vector" && text === undefined)
      throw invalid(
        pathOf(index, "query"),
        `A query must have a text in mode ${mode}, which compares words. Give the text.`,
      );
    if (mode === "keyword" && embedding !== undefined)
      throw invalid(
        pathOf(index, "query_embedding"),
        "An embedding cannot be used with mode keyword. Omit it, or use mode hybrid.",
      );
    if (text?.trim() === "")
      throw invalid(pathOf(index, "query"), "The query text is empty. Give a text with at least one word.");
  }
}

function validateRerank({ rerank, topK, queries, pathOf }: LocatedOptions & { readonly topK: number }): void {
  if (rerank === undefined) return;
  const { topN = 1 } = rerank;
  if (!(Number.isInteger(topN) && topN >= 1 && topN <= MAX_RERANKED))
    throw invalid("rerank.topN", `topN must be a whole number from 1 to ${MAX_RERANKED}, not ${topN}.`);
  const total = queries.length * candidatesOf(topK, rerank);
  if (total > MAX_CANDIDATES)
    throw invalid(
      "rerank",
      `A request can rerank at most ${MAX_CANDIDATES} candidates, and ${queries.length} queries have ${total}. Lower rerank.topN or top_k, or send fewer queries.`,
    );
  const without = queries.findIndex(({ text }) => text === undefined);
  if (without >= 0)
    throw invalid(
      pathOf(without, "query"),
      "A rerank model compares texts, and the query has none. Give the text, or omit rerank.",
    );
}

function invalid(path: string, message: string): AppError {
  return new AppError("invalid_input", message, { path });
}
