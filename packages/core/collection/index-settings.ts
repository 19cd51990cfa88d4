import { stringifyJson } from "../database/json.ts";
import { AppError } from "../error.ts";
import type { Metric } from "./metric.ts";

export type IndexType = "hnsw" | "ivfflat";

/** What an index holds of each vector: all of it, 16-bit floats, or one bit a dimension. Hits are always re-ranked by the whole vectors. */
export type Precision = "vector" | "halfvec" | "bit";

/** How a large collection is indexed and searched; each has a default. */
export interface IndexSettings {
  /** Rows from which on a collection has an index; below, its search is exact. Default 1,000. */
  readonly threshold?: number;
  /** Default `hnsw`. */
  readonly type?: IndexType;
  /**
   * Default: `bit` where a build finds that bits tell the vectors apart (cosine, 1,000 dimensions and more), an eighth
   * of the memory; else `halfvec`, half the memory of `vector` at the same recall. `bit` only with cosine.
   */
  readonly precision?: Precision;
  /** HNSW: links a node, 2 to 100. Default 10. */
  readonly m?: number;
  /**
   * HNSW: candidates while building, 4 to 1,000 and at least twice m. Default 200 where the graph holds bits, 240 of 300,000
   * rows and more, else 120: with 64 a twentieth of the searches misses its cluster.
   */
  readonly efConstruction?: number;
  /** HNSW: candidates while searching, 1 to 1,000. Default: what a build finds to be enough, 100 to 1,000; where it is set, bits are compared whole of as many. */
  readonly efSearch?: number;
  /**
   * IVFFlat: lists, 1 to 32,768; no more than a tenth of the rows or than the memory of a build holds. Default:
   * rows / 1,000, at least 10; from a million rows on their square root.
   */
  readonly lists?: number;
  /** IVFFlat: lists that a search looks into. Default: a quarter of the lists, at least 8. */
  readonly probes?: number;
}

export type IndexPlan = Required<Omit<IndexSettings, "lists" | "probes">> &
  Pick<IndexSettings, "lists" | "probes">;

export const INDEX_DEFAULTS: IndexPlan = {
  threshold: 1_000,
  type: "hnsw",
  precision: "halfvec",
  m: 10,
  efConstruction: 120,
  efSearch: 100,
};

/**
 * The same of a graph of bits. With 120 the ef_search that 99.7 % of the neighbours take was 130 to 400 from one build of
 * 100,000 rows to the next, with 160 it is 110 to 200, with 200 110 or 130, in a fifth more time each. Of a million rows, a graph
 * with 160 gave 0.991 by 600 candidates, one with 240 0.996 by 300, in a third more time.
 */
const BITS_CONSTRUCTION = 200;
const LARGE_BITS_CONSTRUCTION = 240;
const LARGE = 300_000;

/** What this and earlier versions build with where a collection sets nothing: good enough, and no index is built again for it. */
export const DEFAULTS_EVER: Readonly<Partial<Record<keyof IndexPlan, readonly unknown[]>>> = {
  m: [10, 16],
  efConstruction: [120, 128, 160, BITS_CONSTRUCTION, LARGE_BITS_CONSTRUCTION],
};

/** The most dimensions that an index can hold. Source: pgvector's README, "HNSW" and "IVFFlat". */
const MAX_INDEXED_DIMENSIONS: Readonly<Record<Precision, number>> = {
  vector: 2_000,
  halfvec: 4_000,
  bit: 64_000,
};

/**
 * A collection's settings with the defaults filled in, in a precision that its dimensions allow. Undefined where
 * pgvector has no index for it: more than 4,000 dimensions with another metric than cosine.
 */
export function indexPlan(
  settings: IndexSettings,
  space: { readonly dimensions: number; readonly metric: Metric },
): IndexPlan | undefined {
  const plan = { ...INDEX_DEFAULTS, ...settings };
  const order: readonly Precision[] = ["vector", "halfvec", "bit"];
  const precision = order
    .slice(order.indexOf(plan.precision))
    .find(
      (one) =>
        space.dimensions <= MAX_INDEXED_DIMENSIONS[one] && (one !== "bit" || space.metric === "cosine"),
    );
  return precision === "bit" ? binaryPlan(plan, settings) : precision && { ...plan, precision };
}

/** The plan of a graph that holds the bits of so many rows. */
export function binaryPlan(plan: IndexPlan, { efConstruction }: IndexSettings, rows = 0): IndexPlan {
  const byRows = rows < LARGE ? BITS_CONSTRUCTION : LARGE_BITS_CONSTRUCTION;
  return { ...plan, precision: "bit", efConstruction: efConstruction ?? byRows };
}

/** Dimensions from which on bits tell near from far, and whole vectors are slow to read. */
const BIT_DIMENSIONS = 1_000;

/** Whether an index is of bits where nothing is set, if these vectors turn out to be told apart by them. */
export function supportsBinary({
  dimensions,
  metric,
}: {
  readonly dimensions: number | null;
  readonly metric: Metric;
}): boolean {
  return metric === "cosine" && dimensions !== null && dimensions >= BIT_DIMENSIONS;
}

/**
 * What is written since the last index was built is held by an index as well: the bits of its vectors, in one list that is
 * read from end to end, so that a write pays for no graph (4 µs a row) and 10,000 rows take a search 1 ms, not 13. Whole
 * vectors are compared instead where bits do not tell them apart.
 */
export const TAIL_PLAN: IndexPlan = { ...INDEX_DEFAULTS, type: "ivfflat", precision: "bit", lists: 1 };

/** The plan with whole floats in the place of 16-bit ones, which hold no element over 65,504. Undefined where no index holds those. */
export function widerPlan(plan: IndexPlan, dimensions: number): IndexPlan | undefined {
  return plan.precision === "halfvec" && dimensions <= MAX_INDEXED_DIMENSIONS.vector
    ? { ...plan, precision: "vector" }
    : undefined;
}

const RANGES = {
  threshold: [1, 1_000_000_000],
  m: [2, 100],
  efConstruction: [4, 1_000],
  efSearch: [1, 1_000],
  lists: [1, 32_768],
  probes: [1, 32_768],
} as const;

const KEYS: readonly string[] = ["type", "precision", ...Object.keys(RANGES)];

/** Throws `invalid_input` for a setting that pgvector would refuse. */
export function validateIndexSettings(settings: IndexSettings, metric?: Metric): void {
  const unknown = Object.keys(settings).find((key) => !KEYS.includes(key));
  if (unknown !== undefined)
    throw new AppError(
      "invalid_input",
      `There is no index setting ${JSON.stringify(unknown)}: there are ${KEYS.join(", ")}.`,
      {
        path: `index.${unknown}`,
      },
    );
  for (const [key, [least, most]] of Object.entries(RANGES)) {
    const value = settings[key as keyof typeof RANGES];
    if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= most))
      throw refuse(key, value, `a whole number from ${least} to ${most.toLocaleString("en")}`);
  }
  if (settings.type !== undefined && settings.type !== "hnsw" && settings.type !== "ivfflat")
    throw refuse("type", settings.type, "hnsw or ivfflat");
  if (settings.precision !== undefined && !(settings.precision in MAX_INDEXED_DIMENSIONS))
    throw refuse("precision", settings.precision, "vector, halfvec or bit");
  if (settings.precision === "bit" && metric !== undefined && metric !== "cosine")
    throw refuse("precision", "bit", `vector or halfvec where the metric is ${metric}`);
  const { m, efConstruction } = { ...INDEX_DEFAULTS, ...settings };
  if (efConstruction < 2 * m) throw refuse("efConstruction", efConstruction, `at least twice m, ${2 * m}`);
}

function refuse(key: string, value: unknown, expected: string): AppError {
  return new AppError(
    "invalid_input",
    `The index setting ${key} must be ${expected}, not ${stringifyJson(value)}.`,
    { path: `index.${key}` },
  );
}
