import { type QueryOptions, query } from "@cairn/core/search/query.ts";
import { CASES } from "../datasets/filter-cases.ts";
import type { RecordSet } from "../datasets/records.ts";
import { computeDistances, computeTruth } from "../datasets/truth.ts";
import type { Cairn } from "../support/cairn.ts";
import { round } from "../support/measure.ts";
import type { Cell } from "./cells.ts";

/** The modes of a search. Hybrid search returns the best of two lists, so only the number of its hits is checked. */
const MODES = [
  { mode: "vector, 10 hits", topK: 10, options: {} },
  { mode: "vector, 100 hits", topK: 100, options: {} },
  { mode: "grouped, 10 documents", topK: 10, options: { groupBy: "document" } },
  { mode: "hybrid, 10 hits", topK: 10, options: { mode: "hybrid", text: "return refund" } },
] as const;

/** One line of the result: a mode and a filter in a cell. */
export interface Checked {
  readonly metric: string;
  readonly dimensions: number;
  readonly rows: number;
  readonly index: string;
  readonly mode: string;
  readonly filter: string;
  readonly "matching rows": number;
  /** Not a number for hybrid search. */
  readonly recall: number;
  readonly "worst query": number;
  /** Hits that the searches should have returned and did not. */
  readonly missing: number;
}

/** Searches with every class of filter in every mode. */
export async function checkCell(
  cairn: Cairn,
  tenantId: string,
  { cell, set }: { readonly cell: Cell; readonly set: RecordSet },
): Promise<readonly Checked[]> {
  const { metric, dimensions, rows, index } = cell;
  const distances = computeDistances(set, metric);
  const checked: Checked[] = [];
  for (const filterCase of CASES) {
    const { filter, whereDocument } = filterCase;
    for (const { mode, topK, options } of MODES) {
      const truth = computeTruth(distances, filterCase, topK);
      const results: (readonly string[])[] = [];
      for (const embedding of set.queries) {
        const search: QueryOptions = { embedding, filter, whereDocument, topK, ...options };
        results.push((await query(cairn, tenantId, search)).map(({ id }) => id));
      }
      const isRanked = mode !== "hybrid, 10 hits";
      checked.push({
        ...{ metric, dimensions, rows, index, mode, filter: filterCase.name },
        "matching rows": truth.rows,
        recall: isRanked ? round(truth.recall(results), 4) : Number.NaN,
        "worst query": isRanked ? round(truth.worst(results)) : Number.NaN,
        missing: truth.missing(results),
      });
    }
  }
  return checked;
}
