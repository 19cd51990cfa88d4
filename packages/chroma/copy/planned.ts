import { getCollection } from "@cairn/core/collection/get.ts";
import { AppError } from "@cairn/core/error.ts";
import pLimit from "p-limit";
import { readFindings } from "../ledger/collection.ts";
import { type FailedCollection, forgetFailure, MAX_ATTEMPTS, saveFailure } from "../ledger/failures.ts";
import { readPlacements } from "../ledger/placement.ts";
import { type DeletedTarget, explainDeleted } from "../plan/earlier.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import type { Outcome } from "../report/build.ts";
import { withProvenMetric } from "../verify/prove-metric.ts";
import { migrateCollection } from "./collection.ts";
import { compareCollection } from "./compare-collection.ts";
import type { CopyContext } from "./context.ts";
import type { FailureJudge } from "./failure.ts";
import { ensureTarget } from "./target.ts";

/** How one collection ended. */
export type Ended =
  | { readonly kind: "migrated"; readonly outcome: Outcome }
  | { readonly kind: "deleted"; readonly deleted: DeletedTarget }
  | { readonly kind: "failed"; readonly failed: FailedCollection };

/** How all of them ended. */
export interface Migrated {
  readonly outcomes: readonly Outcome[];
  readonly deleted: readonly DeletedTarget[];
  readonly failed: readonly FailedCollection[];
}

/**
 * Migrates collections, several at once. One that fails by itself keeps no other from its end, and is tried once more
 * behind them. Throws what stops the whole run; then the others stop at their next page, or do not begin.
 */
export async function migratePlanned(
  context: CopyContext,
  judge: FailureJudge,
  planned: readonly PlannedCollection[],
): Promise<Migrated> {
  let ended = await migrateAtOnce(context, judge, planned);
  for (let attempt = 2; attempt <= MAX_ATTEMPTS; attempt++) {
    const failed = new Set(ended.flatMap((one) => (one.kind === "failed" ? [one.failed.source.id] : [])));
    if (failed.size === 0) break;
    const again = planned.filter(({ source: { id } }) => failed.has(id));
    ended = [
      ...ended.filter(({ kind }) => kind !== "failed"),
      ...(await migrateAtOnce(context, judge, again)),
    ];
  }
  return {
    outcomes: ended.flatMap((one) => (one.kind === "migrated" ? [one.outcome] : [])),
    deleted: ended.flatMap((one) => (one.kind === "deleted" ? [one.deleted] : [])),
    failed: ended.flatMap((one) => (one.kind === "failed" ? [one.failed] : [])),
  };
}

async function migrateAtOnce(
  context: CopyContext,
  judge: FailureJudge,
  planned: readonly PlannedCollection[],
): Promise<readonly Ended[]> {
  const several = pLimit(context.settings.concurrency);
  const stop = new AbortController();
  const signals = [stop.signal, ...(context.signal ? [context.signal] : [])];
  const shared = { ...context, signal: AbortSignal.any(signals) };
  const work = planned.map((one) =>
    several(async () => {
      stop.signal.throwIfAborted();
      try {
        return await migrateOrExplain(shared, judge, one);
      } catch (error) {
        stop.abort(error);
        throw error;
      }
    }),
  );
  await Promise.allSettled(work);
  if (stop.signal.aborted) throw stop.signal.reason;
  return Promise.all(work);
}

/** Migrates one collection, or tells why it alone could not be. Throws what stops the others, too. */
export async function migrateOrExplain(
  context: CopyContext,
  judge: FailureJudge,
  planned: PlannedCollection,
): Promise<Ended> {
  const { database } = context.services;
  const { source, place } = planned;
  try {
    judge.assertPossible(planned);
    const outcome = await migrateOne(context, planned);
    judge.succeeded(planned);
    await forgetFailure(database, context.run, source.id);
    return { kind: "migrated", outcome };
  } catch (error) {
    context.signal?.throwIfAborted();
    const deleted = await deletedMeanwhile(context, planned, error);
    if (deleted) return { kind: "deleted", deleted };
    const failed = await judge.judge(planned, error);
    await saveFailure(database, context.run, failed);
    context.onProgress({
      id: source.id,
      collection: source.name,
      tenant: place.tenant,
      phase: "failed",
      detail: failed.detail,
      pass: 1,
      done: 0,
      total: 0,
    });
    return { kind: "failed", failed };
  }
}

/** Whether a collection failed because its target was deleted in Cairn while it was copied: then it stays so. */
async function deletedMeanwhile(
  { services, source }: CopyContext,
  { source: collection, place }: PlannedCollection,
  error: unknown,
): Promise<DeletedTarget | undefined> {
  if (!(error instanceof AppError) || (error.code !== "collection_changed" && error.code !== "not_found"))
    return undefined;
  const placed = [{ source: collection, place }];
  const gone = (await readPlacements(services.database, source.url, placed)).get(collection.id)?.gone;
  return gone && { source: collection, detail: explainDeleted(gone, place) };
}

/** Copies one collection to its end. Safe to repeat: what is done is found done. */
async function migrateOne(context: CopyContext, plan: PlannedCollection): Promise<Outcome> {
  context.signal?.throwIfAborted();
  const planned = await withProvenMetric(context.source, plan);
  const { database } = context.services;
  const { tenant, target, metadata } = await ensureTarget(database, planned, context.settings);
  const progress = await migrateCollection(context, { ...planned, writtenMetadata: metadata }, target);
  const findings = await readFindings(database, context.run, planned.source.id, progress.pass);
  // Read again: the first vector may have set its dimensions.
  const written = await getCollection(database, tenant.id, target.id);
  const own = compareCollection({ ...planned, writtenMetadata: metadata }, written);
  return { planned, target: written, tenantName: tenant.name, progress, findings: [...own, ...findings] };
}
