import type { Settings } from "../database/settings.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { candidatesOf, type Depth, scanLimit } from "./depth.ts";

/** Settings of an exact search. JIT compilation takes longer than the query. */
export const EXACT_SETTINGS: Settings = { jit: "off", enable_seqscan: "off" };

/**
 * Settings of a search through these indexes. Sorts and sequential scans are disabled: a high ef_search makes the planner
 * prefer them (315 ms instead of 3 at 100,000 rows), and a prepared plan is kept while other tenants' rows make the
 * partition grow. With a filter the scan is iterative.
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
      settings["hnsw.max_scan_tuples"] = Math.max(scanned, scanLimit(index, depth));
      settings["hnsw.scan_mem_multiplier"] = 8;
    }
  }
  return settings;
}

/** The ef_search of a search in an HNSW index. */
export function efSearchOf(index: IndexedRange, depth: Depth): number {
  return Math.min(1_000, Math.max(index.plan.efSearch, candidatesOf(index, depth)));
}
