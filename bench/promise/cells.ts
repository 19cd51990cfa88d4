import type { IndexSettings } from "@cairn/core/database/collection-settings.ts";
import { METRICS, type Metric } from "@cairn/core/index/metric.ts";

/** A collection whose searches are checked. */
export interface Cell {
  readonly metric: Metric;
  readonly dimensions: number;
  readonly rows: number;
  readonly index: string;
  readonly indexSettings: IndexSettings;
}

const DIMENSIONS = [3, 100, 384, 512, 1_536, 3_072];
const ROWS = [200, 2_000, 20_000, 100_000];
const INDEXES: Readonly<Record<string, IndexSettings>> = {
  default: {},
  halfvec: { precision: "halfvec" },
  ivfflat: { type: "ivfflat" },
};

/** Every combination of up to `size` rows. Collections without an index and repetitions of the default are left out. */
export function allCells(size: number): readonly Cell[] {
  return DIMENSIONS.flatMap((dimensions) =>
    ROWS.filter((rows) => rows <= size).flatMap((rows) =>
      METRICS.flatMap((metric) =>
        Object.entries(INDEXES)
          .filter(([index]) => index === "default" || rows >= 1_000)
          .filter(([index]) => index !== "halfvec" || (metric === "cosine" && dimensions >= 1_000))
          .map(([index, indexSettings]) => ({ metric, dimensions, rows, index, indexSettings })),
      ),
    ),
  );
}

/** A few cells for a quick run: each metric, kind of index, and few and many dimensions once. */
export const SAMPLE: readonly Cell[] = [
  { metric: "l2", dimensions: 3, rows: 200, index: "default", indexSettings: {} },
  { metric: "ip", dimensions: 100, rows: 4_000, index: "default", indexSettings: {} },
  { metric: "l2", dimensions: 384, rows: 2_000, index: "ivfflat", indexSettings: { type: "ivfflat" } },
  { metric: "cosine", dimensions: 1_536, rows: 4_000, index: "default", indexSettings: {} },
];
