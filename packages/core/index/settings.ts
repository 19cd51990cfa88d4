import type { IndexSettings, Precision } from "../database/collection-settings.ts";
import { stringifyJson } from "../database/json.ts";
import { AppError } from "../error.ts";
import type { Metric } from "./metric.ts";

export type IndexPlan = Required<Omit<IndexSettings, "lists" | "probes">> & Pick<IndexSettings, "lists" | "probes">;

export const INDEX_DEFAULTS: IndexPlan = {
  threshold: 1_000,
  type: "hnsw",
  precision: "halfvec",
  m: 10,
  efConstruction: 120,
  efSearch: 100,
};

/**
 * Defaults below `MIN_BINARY_DIMENSIONS`, if a collection sets neither. For 100,000 word vectors of 100 dimensions, a recall of
 * 0.99 takes an ef_search of 300 with m 16 and of 750 with m 10; m 24 is as fast and builds slower. With 1,536 dimensions, a
 * build takes almost a minute with m 10.
 */
const LOW_DIMENSIONAL = { m: 16, efConstruction: 100 };

/**
 * `efConstruction` of a binary-quantized HNSW index. For builds of 100,000 rows, the ef_search that finds 99.7 % of the
 * neighbors was 130 to 400 with 120, 110 to 200 with 160, and 110 or 130 with 200; each step takes a fifth more time. For a
 * million rows, recall was 0.991 with 600 candidates (160), and 0.996 with 300 candidates (240), in a third more time.
 */
const BINARY_EF_CONSTRUCTION = 200;
const LARGE_BINARY_EF_CONSTRUCTION = 240;
const LARGE_ROWS = 300_000;

/** Defaults of this and earlier versions. An index that was built with one of them is good enough and is not rebuilt. */
export const ACCEPTED_DEFAULTS: Readonly<Partial<Record<keyof IndexPlan, readonly unknown[]>>> = {
  m: [10, 16],
  efConstruction: [100, 120, 128, 160, BINARY_EF_CONSTRUCTION, LARGE_BINARY_EF_CONSTRUCTION],
};

/** Maximum dimensions of an index. Source: pgvector's README, "HNSW" and "IVFFlat". */
const MAX_INDEXED_DIMENSIONS: Readonly<Record<Precision, number>> = {
  vector: 2_000,
  halfvec: 4_000,
  bit: 64_000,
};

/**
 * The settings of a collection with all defaults, in a precision that its dimensions allow. Undefined if pgvector has no index
 * for it: more than 4,000 dimensions with a metric other than cosine.
 */
export function indexPlan(
  settings: IndexSettings,
  space: { readonly dimensions: number; readonly metric: Metric },
): IndexPlan | undefined {
  const isLow = space.dimensions < MIN_BINARY_DIMENSIONS && !settings.m && !settings.efConstruction;
  const plan = { ...INDEX_DEFAULTS, ...(isLow && LOW_DIMENSIONAL), ...settings };
  const order: readonly Precision[] = ["vector", "halfvec", "bit"];
  const precision = order
    .slice(order.indexOf(plan.precision))
    .find(
      (candidate) =>
        space.dimensions <= MAX_INDEXED_DIMENSIONS[candidate] && (candidate !== "bit" || space.metric === "cosine"),
    );
  return precision === "bit" ? binaryPlan(plan, settings) : precision && { ...plan, precision };
}

/** The plan of a binary-quantized index over `rows` rows. */
export function binaryPlan(plan: IndexPlan, { efConstruction }: IndexSettings, rows = 0): IndexPlan {
  const byRows = rows < LARGE_ROWS ? BINARY_EF_CONSTRUCTION : LARGE_BINARY_EF_CONSTRUCTION;
  return { ...plan, precision: "bit", efConstruction: efConstruction ?? byRows };
}

/** Dimensions from which binary distances order vectors well, and full vectors are slow to read. */
const MIN_BINARY_DIMENSIONS = 1_000;

/** Whether an index is binary-quantized by default, if calibration accepts it. */
export function supportsBinary({
  dimensions,
  metric,
}: {
  readonly dimensions: number | null;
  readonly metric: Metric;
}): boolean {
  return metric === "cosine" && dimensions !== null && dimensions >= MIN_BINARY_DIMENSIONS;
}

/**
 * The plan of the tail's index: binary-quantized IVFFlat with a single list, which a search reads completely. A write does not
 * pay for HNSW (4 µs a row), and 10,000 rows take a search 1 ms instead of 13. If binary distances order the vectors too
 * coarsely, the tail has no index and is compared in full precision.
 */
export const TAIL_PLAN: IndexPlan = { ...INDEX_DEFAULTS, type: "ivfflat", precision: "bit", lists: 1 };

/** The plan in full instead of half precision, whose elements end at 65,504. Undefined if the dimensions exceed such an index. */
export function fullPrecisionPlan(plan: IndexPlan, dimensions: number): IndexPlan | undefined {
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

/** Throws `invalid_input` for a setting that pgvector does not accept. */
export function validateIndexSettings(settings: IndexSettings, metric?: Metric): void {
  const unknown = Object.keys(settings).find((key) => !KEYS.includes(key));
  if (unknown !== undefined)
    throw new AppError(
      "invalid_input",
      `The index settings are not valid: ${JSON.stringify(unknown)} is unknown. Use ${KEYS.join(", ")}.`,
      { path: `index.${unknown}` },
    );
  for (const [key, [min, max]] of Object.entries(RANGES)) {
    const value = settings[key as keyof typeof RANGES];
    if (value !== undefined && !(Number.isInteger(value) && value >= min && value <= max))
      throw invalidSetting(key, value, `a whole number from ${min} to ${max.toLocaleString("en")}`);
  }
  if (settings.type !== undefined && settings.type !== "hnsw" && settings.type !== "ivfflat")
    throw invalidSetting("type", settings.type, "hnsw or ivfflat");
  if (settings.precision !== undefined && !(settings.precision in MAX_INDEXED_DIMENSIONS))
    throw invalidSetting("precision", settings.precision, "vector, halfvec or bit");
  if (settings.precision === "bit" && metric !== undefined && metric !== "cosine")
    throw invalidSetting("precision", "bit", `vector or halfvec with the metric ${metric}`);
  const { m, efConstruction } = { ...INDEX_DEFAULTS, ...settings };
  if (efConstruction < 2 * m) throw invalidSetting("efConstruction", efConstruction, `at least twice m (${2 * m})`);
}

function invalidSetting(key: string, value: unknown, expected: string): AppError {
  return new AppError("invalid_input", `The index setting ${key} must be ${expected}, not ${stringifyJson(value)}.`, {
    path: `index.${key}`,
  });
}
