import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import type { ChosenReranker } from "../rerank/reranker.ts";
import { expandHits } from "./expand.ts";
import type { Expansion } from "./expansion.ts";
import type { Output } from "./output.ts";
import type { RankedRow } from "./rank.ts";
import { rerankRows } from "./rerank-rows.ts";
import type { QueryResult } from "./search-options.ts";
import { toHits } from "./to-hits.ts";

interface ArrangeOptions extends Required<Output> {
  /** The rows of each query, best first. */
  readonly candidates: readonly (readonly RankedRow[])[];
  readonly topK: number;
  /** The text of each query. */
  readonly texts: readonly string[];
  readonly reranker: ChosenReranker | undefined;
  readonly expand: Expansion | undefined;
  readonly exactNumbers: boolean | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The hits of each query, in the order of the rerank model and with the text around their passages, as requested. */
export async function arrangeHits(
  database: Database,
  collection: Collection,
  { candidates, topK, texts, reranker, expand, signal, ...output }: ArrangeOptions,
): Promise<readonly QueryResult[]> {
  const { maxBytes } = output;
  const reranked =
    reranker && (await rerankRows(database, collection, { reranker, texts, candidates, maxBytes, signal }));
  const ranked = (reranked?.map(({ rows }) => rows) ?? candidates).map((rows) => rows.slice(0, topK));
  const found = await toHits(database, collection, { ranked, ...output });
  const hits = expand
    ? await expandHits(database, collection, { expand, found, maxBytes })
    : found.map((own) => own.map(({ hit }) => hit));
  return hits.map((own, index) => ({ hits: own, ...(reranked && { rerank: reranked[index]?.outcome }) }));
}
