import type { Services } from "../services.ts";
import { type EvaluateOptions, evaluate } from "./evaluate.ts";
import type { Evaluation, VariantResult } from "./evaluation.ts";
import { type EvaluationRun, listRuns, type RunStart, saveRun } from "./run.ts";
import { getSet, type QuestionSet, readSetQuestions } from "./set.ts";
import { defaultVariants, type Variant } from "./variant.ts";

export interface RunSetOptions extends Pick<EvaluateOptions, "baseline" | "signal" | "onProgress"> {
  /** Name or id of the set. */
  readonly set: string;
  /** Default: those of the set. */
  readonly variants?: readonly Variant[];
  /** Default: that of the set. */
  readonly cutoff?: number;
  readonly startedBy: RunStart;
}

export interface SetResult {
  readonly set: QuestionSet;
  /** Id of the stored run. */
  readonly run: string;
  readonly evaluation: Evaluation;
  /** Variants of a scheduled run whose nDCG dropped. */
  readonly drops: readonly QualityDrop[];
}

/** A variant whose nDCG is lower than in earlier scheduled runs, by more than the margin of the set. */
export interface QualityDrop {
  readonly variant: string;
  readonly ndcg: number;
  /** The highest of the earlier runs. */
  readonly before: number;
}

/** Drop of nDCG that counts as one, unless the set or the caller has its own margin. */
export const DEFAULT_MAX_DROP = 0.02;

/** Earlier scheduled runs that a run is compared with. */
const COMPARED_RUNS = 10;

/** Runs a stored set and stores the result. Throws `not_found` and the errors of `evaluate`. */
export async function runSet(services: Services, tenantId: string, options: RunSetOptions): Promise<SetResult> {
  const { database } = services;
  const set = await getSet(database, tenantId, options.set);
  const { variants = set.settings.variants ?? defaultVariants(), cutoff = set.settings.cutoff } = options;
  const { startedBy, baseline, signal, onProgress } = options;
  const questions = await readSetQuestions(database, set);
  const evaluation = await evaluate(services, tenantId, { questions, variants, cutoff, baseline, signal, onProgress });
  const earlier =
    startedBy === "schedule" ? await listRuns(database, set, { limit: COMPARED_RUNS, startedBy: "schedule" }) : [];
  const run = await saveRun(database, set, { evaluation, startedBy });
  const { maxDrop = DEFAULT_MAX_DROP } = set.settings;
  return { set, run, evaluation, drops: findDrops(evaluation, earlier, { fingerprint: set.fingerprint, maxDrop }) };
}

interface DropLimits {
  readonly fingerprint: string;
  readonly maxDrop: number;
}

/**
 * The variants whose nDCG is lower than the highest of earlier runs of the same questions and options. So a slow decline is
 * found too, and a lower level that stays counts as a drop until ten runs have it.
 */
function findDrops(
  { variants, cutoff }: Evaluation,
  earlier: readonly EvaluationRun[],
  { fingerprint, maxDrop }: DropLimits,
): readonly QualityDrop[] {
  const comparable = earlier.filter((run) => run.fingerprint === fingerprint && run.summary.cutoff === cutoff);
  return variants.flatMap((variant) => {
    const same = comparable.flatMap(({ summary }) => summary.variants.filter((other) => isSameSearch(other, variant)));
    const before = Math.max(0, ...same.map(({ totals }) => totals.ndcg));
    const { ndcg } = variant.totals;
    return before - ndcg > maxDrop ? [{ variant: variant.name, ndcg, before }] : [];
  });
}

function isSameSearch(a: Pick<VariantResult, "name" | "options">, b: Pick<VariantResult, "name" | "options">): boolean {
  const keyOf = ({ name, options }: typeof a) =>
    JSON.stringify([name, Object.entries(options).toSorted(([first], [second]) => (first < second ? -1 : 1))]);
  return keyOf(a) === keyOf(b);
}
