import type { Collection } from "../collection/collection.ts";
import {
  binaryPlan,
  fullPrecisionPlan,
  type IndexPlan,
  supportsBinary,
} from "../collection/index-settings.ts";
import { askedFor, type CollectionIndex } from "./inspect.ts";
import type { SegmentRange } from "./segment-range.ts";

/** What is to be built: of this collection by this plan, over these segments. */
export interface Build {
  readonly collection: Collection;
  readonly plan: IndexPlan;
  readonly range: SegmentRange;
  /** That the collection has: what did not fit 16-bit floats before is not tried in them again. */
  readonly indexes: readonly CollectionIndex[];
}

/** One way to build a vector index. */
export interface Candidate {
  readonly plan: IndexPlan;
  /** Whether the tail has an index of bits: a neighbour that is found by them among all rows is among fewer. */
  readonly hasTail: boolean;
  /** Written down beside the index: what was asked for where the index had to differ, and that bits are too coarse here. */
  readonly notes: { readonly asked: Pick<IndexPlan, "precision" | "lists">; readonly coarse?: true };
  /** There is no other where it does not serve. */
  readonly isLast: boolean;
}

/** Share of neighbours found by bits in a sample, see binaryRecall: that tells something, and that says enough by itself. */
const SOME = 0.2;
const ENOUGH = 0.99;

/**
 * What is tried in turn. A collection that names no precision has bits where they tell its vectors apart: such a graph
 * takes under half the time and an eighth of the memory. Then what it asks for; and where 16-bit floats cannot hold a
 * vector whole ones, if its dimensions allow it. What failed before is not tried again: bits in this collection, 16-bit
 * floats over these segments.
 */
export function planCandidates(
  { collection, plan, range, indexes }: Build,
  binaryRecall: number,
): readonly Candidate[] {
  const graphs = indexes.filter(({ kind }) => kind === "vector");
  const coarse = graphs.some(({ settings }) => settings.coarse === true);
  const wider = fullPrecisionPlan(plan, collection.dimensions as number);
  const overflowed = graphs.some(
    ({ first, last, settings }) =>
      first <= range.last &&
      last >= range.first &&
      settings.precision === "vector" &&
      askedFor(settings).precision === "halfvec",
  );
  const byRows = binaryPlan(plan, collection.indexSettings, range.rows);
  const given = plan.precision === "bit" ? byRows : plan;
  const free = collection.indexSettings.precision === undefined && plan.type === "hnsw" && given === plan;
  const bits: IndexPlan | undefined = free && binaryRecall >= SOME && !coarse ? byRows : undefined;
  const plans = [bits, wider && overflowed ? undefined : given, wider].filter((one) => one !== undefined);
  const { precision, lists } = plan;
  return plans.map((one, index) => ({
    plan: one,
    hasTail:
      supportsBinary(collection) &&
      (one.precision === "bit" ? binaryRecall >= SOME : binaryRecall >= ENOUGH && !coarse && !bits),
    notes: {
      asked: one === bits ? { precision: "bit", lists } : { precision, lists },
      ...(one !== bits && (coarse || bits) && { coarse: true as const }),
    },
    isLast: index === plans.length - 1,
  }));
}
