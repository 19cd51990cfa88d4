import type { Settings } from "../database/settings.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { CALIBRATED_HITS, candidatesOf, type Depth, filteredRows } from "./depth.ts";

/** Settings of an exact search. JIT compilation takes longer than the query. */
export const EXACT_SETTINGS: Settings = { jit: "off", enable_seqscan: "off" };

/**
 * Settings of a search through these indexes. Sorts and sequential scans are disabled: a high ef_search makes the planner
 * prefer them (315 ms instead of 3 at 100,000 rows), and a prepared plan is kept while other tenants' rows make the
 * partition grow. The scan is iterative: it continues until enough rows match.
 */
export function indexSettings(indexes: readonly IndexedRange[], depth: Depth): Settings {
  if (indexes.length === 0) return EXACT_SETTINGS;
  const settings: Record<string, string | number> = { ...EXACT_SETTINGS, enable_sort: "off" };
  for (const index of indexes) {
    if (index.kind === "tail") continue; // it has one list, which is always read
    if (index.plan.type === "ivfflat") {
      const lists = index.plan.lists ?? 10;
      const probes = index.plan.probes ?? Math.max(8, Math.ceil(lists / 4));
      settings["ivfflat.probes"] = Math.min(lists, probes);
      settings["ivfflat.max_probes"] = lists;
      settings["ivfflat.iterative_scan"] = "relaxed_order";
    } else {
      const previous = Number(settings["hnsw.ef_search"] ?? 0);
      settings["hnsw.ef_search"] = Math.max(previous, efSearchOf(index, depth));
      settings["hnsw.iterative_scan"] = "relaxed_order"; // strict_order drops rows that are found late: recall 0.86
      const scanned = Number(settings["hnsw.max_scan_tuples"] ?? 0);
      settings["hnsw.max_scan_tuples"] = Math.max(scanned, VISITED_PER_ROW * rowsRead(index, depth));
      settings["hnsw.scan_mem_multiplier"] = 8;
    }
  }
  return settings;
}

/**
 * Rows that an HNSW scan may visit for each row that it returns. It needs 5 to 12. If it exceeds the limit, because most rows
 * were deleted, it returns the other visited rows, which need not be the nearest, and ends.
 */
const VISITED_PER_ROW = 40;

/** Rows that a search reads from an HNSW index. */
function rowsRead(index: IndexedRange, depth: Depth): number {
  return Math.max(efSearchOf(index, depth), depth.isFiltered ? filteredRows(index, depth) : 0);
}

/**
 * Multiple of the calibrated ef_search with a filter. Calibration measures the ten nearest rows, but the tenth match can be the
 * hundredth row.
 */
const FILTERED_EF = 2;

/**
 * Growth of ef_search with the number of hits, of which calibration measures ten. In word vectors, with 350 for ten hits, a recall
 * of 0.99 took 510 for thirty and 850 for a hundred.
 */
const HITS_EXPONENT = 0.4;

/** The ef_search of a search in an HNSW index. */
function efSearchOf(index: IndexedRange, depth: Depth): number {
  const { limit, exactHits = limit, isFiltered = false } = depth;
  const factor = (isFiltered ? FILTERED_EF : 1) * Math.max(1, exactHits / CALIBRATED_HITS) ** HITS_EXPONENT;
  return Math.min(1_000, Math.max(Math.ceil(factor * index.plan.efSearch), candidatesOf(index, depth)));
}
