import type { Collection } from "../collection/collection.ts";
import { AppError } from "../error.ts";
import type { Services } from "../services.ts";
import { type Difference, describeDifference, pairedDifference } from "./bootstrap.ts";
import { type EvaluateOptions, evaluate } from "./evaluate.ts";
import { saveRun } from "./run.ts";
import { DEFAULT_MAX_DROP } from "./run-set.ts";
import { getSet, readSetQuestions } from "./set.ts";
import { MAX_VARIANTS, type Variant } from "./variant.ts";

export interface GateOptions extends Pick<EvaluateOptions, "signal" | "onProgress"> {
  /** Name or id of the question set. */
  readonly set: string;
  /** Largest drop of nDCG that is accepted. Default: that of the set, or 0.02. */
  readonly maxDrop?: number;
}

/** A search of the set in the collection in use and in the one that would replace it. */
export interface GateResult {
  readonly variant: string;
  readonly before: number;
  readonly after: number;
  /** Of nDCG. */
  readonly difference: Difference;
  /** `better by 0.04 ± 0.02` */
  readonly outcome: string;
}

/**
 * Compares a collection with the one that would replace it, by the searches of a question set that use vectors, and stores the
 * result as a run of the set. Throws `quality_dropped` if the nDCG of a search drops by more than the margin.
 */
export async function assertQuality(
  services: Services,
  { old, draft }: { readonly old: Collection; readonly draft: Collection },
  options: GateOptions,
): Promise<readonly GateResult[]> {
  const { database } = services;
  const { signal, onProgress } = options;
  const set = await getSet(database, old.tenantId, options.set);
  const maxDrop = options.maxDrop ?? set.settings.maxDrop ?? DEFAULT_MAX_DROP;
  const searches = searchesOf(set.settings.variants);
  const variants = searches.flatMap(({ name, options: search }) => [
    { name: `${name}, before`, options: { ...search, collection: old.id } },
    { name: `${name}, after`, options: { ...search, collection: draft.id } },
  ]);
  const questions = await readSetQuestions(database, set);
  const { cutoff } = set.settings;
  const evaluation = await evaluate(services, old.tenantId, { questions, variants, cutoff, signal, onProgress });
  await saveRun(database, set, { evaluation, startedBy: "gate" });
  const results: GateResult[] = [];
  for (const [index, { name }] of searches.entries()) {
    const [before, after] = [evaluation.variants[2 * index], evaluation.variants[2 * index + 1]];
    if (!before || !after) continue;
    const difference = await pairedDifference(
      before.perQuestion.map(({ ndcg }) => ndcg),
      after.perQuestion.map(({ ndcg }) => ndcg),
    );
    const outcome = describeDifference(difference);
    results.push({ variant: name, before: before.totals.ndcg, after: after.totals.ndcg, difference, outcome });
  }
  const worst = results.toSorted((a, b) => a.difference.mean - b.difference.mean)[0];
  if (worst && -worst.difference.mean > maxDrop)
    throw new AppError(
      "quality_dropped",
      `The model of collection ${JSON.stringify(old.name)} is not changed: with ${draft.embeddingModel ?? "the new model"}, ` +
        `nDCG@${evaluation.cutoff} of the search ${JSON.stringify(worst.variant)} is ${worst.after.toFixed(3)} instead of ${worst.before.toFixed(3)}, ` +
        `lower by ${(-worst.difference.mean).toFixed(3)}, and a drop of ${maxDrop} is accepted. The current collection keeps serving. ` +
        `The new one is kept as the draft ${JSON.stringify(draft.name)}: query it, request the change without an evaluation, or delete it.`,
    );
  return results;
}

/** The searches of a set that depend on vectors. Their collections are replaced, so repeated ones are left out. */
function searchesOf(variants: readonly Variant[] | undefined): readonly Variant[] {
  const modes = ["vector", "hybrid"] as const;
  const all = variants ?? modes.map((mode): Variant => ({ name: mode, options: { mode } }));
  const usable = all.filter(({ options: { mode } }) => mode !== "keyword");
  const distinct = new Map(
    usable.map(({ name, options: { collection: _, ...search } }) => [
      JSON.stringify(search),
      { name, options: search },
    ]),
  );
  const searches = [...distinct.values()].slice(0, MAX_VARIANTS / 2);
  return searches.length > 0 ? searches : [{ name: "vector", options: { mode: "vector" } }];
}
