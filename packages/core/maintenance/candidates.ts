import type { Collection } from "../collection/collection.ts";
import { readSettings } from "../index/accuracy.ts";
import type { BuildNotes } from "../index/indexed-range.ts";
import { binaryPlan, fullPrecisionPlan, type IndexPlan, supportsBinary } from "../index/settings.ts";
import { type CollectionIndex, requestedSettings } from "./inspect.ts";
import type { SegmentRange } from "./segment-range.ts";

/** A build of a collection: its plan and segment range. */
export interface Build {
  readonly collection: Collection;
  readonly plan: IndexPlan;
  readonly range: SegmentRange;
  /** The current indexes. They record which precisions failed before. */
  readonly indexes: readonly CollectionIndex[];
}

/** One way to build the vector index. */
export interface Candidate {
  readonly plan: IndexPlan;
  /** Whether the tail gets a binary-quantized index. A neighbor that it finds among all rows, it also finds among fewer. */
  readonly hasTail: boolean;
  /** What it already knows of the index, before its calibration. */
  readonly notes: Pick<BuildNotes, "accuracy" | "requested">;
  /** Whether no candidate follows. */
  readonly isLast: boolean;
}

/** Binary recall in a sample, see `measureBinaryRecall`: from which a candidate build is worthwhile, and which suffices alone. */
const MIN_BINARY_RECALL = 0.2;
const SUFFICIENT_BINARY_RECALL = 0.99;

/**
 * The candidates of a build, in order. The first is binary-quantized if the collection sets no precision and the sample
 * allows it: such a build takes under half the time and an eighth of the memory. Then follows the planned precision, and full
 * precision for vectors beyond half precision, if the dimensions allow it. What failed before is not repeated: binary in
 * this collection, half precision over these segments.
 */
export function planCandidates(
  { collection, plan, range, indexes }: Build,
  binaryRecall: number,
): readonly Candidate[] {
  const vectorIndexes = indexes.filter(({ kind }) => kind === "vector");
  const coarse = vectorIndexes.some(({ settings }) => readSettings(settings).accuracy.isBinaryTooCoarse);
  const full = fullPrecisionPlan(plan, collection.dimensions as number);
  const overflowed = vectorIndexes.some(
    ({ first, last, settings }) =>
      first <= range.last &&
      last >= range.first &&
      settings.precision === "vector" &&
      requestedSettings(settings).precision === "halfvec",
  );
  const byRows = binaryPlan(plan, collection.indexSettings, range.rows);
  const planned = plan.precision === "bit" ? byRows : plan;
  const isOpen = collection.indexSettings.precision === undefined && plan.type === "hnsw" && planned === plan;
  const binary: IndexPlan | undefined = isOpen && binaryRecall >= MIN_BINARY_RECALL && !coarse ? byRows : undefined;
  const plans = [binary, full && overflowed ? undefined : planned, full].filter((candidate) => candidate !== undefined);
  const { precision, lists } = plan;
  return plans.map((candidate, index) => ({
    plan: candidate,
    hasTail:
      supportsBinary(collection) &&
      (candidate.precision === "bit"
        ? binaryRecall >= MIN_BINARY_RECALL
        : binaryRecall >= SUFFICIENT_BINARY_RECALL && !coarse && !binary),
    notes: {
      accuracy: {
        kind: candidate.precision === "bit" ? "uncalibrated_binary" : "full",
        isBinaryTooCoarse: candidate !== binary && (coarse || binary !== undefined),
      },
      requested: candidate === binary ? { precision: "bit", lists } : { precision, lists },
    },
    isLast: index === plans.length - 1,
  }));
}
