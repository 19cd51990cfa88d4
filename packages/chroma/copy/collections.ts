import { getCollection } from "@cairn/core/collection/get.ts";
import { AppError } from "@cairn/core/error.ts";
import pLimit from "p-limit";
import { readFindings } from "../ledger/collection.ts";
import { type FailedCollection, forgetFailure, MAX_ATTEMPTS, saveFailure } from "../ledger/failures.ts";
import { readPlacements } from "../ledger/placement.ts";
import { type DeletedTarget, explainDeleted } from "../plan/earlier-runs.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import type { Outcome } from "../report/build.ts";
import { withDetectedMetric } from "../verify/detect-metric.ts";
import { migrateCollection } from "./collection.ts";
import { compareCollection } from "./compare-collection.ts";
import { type CopyContext, progressSubject } from "./context.ts";
import type { FailureClassifier } from "./failure.ts";
import { ensureTarget } from "./target.ts";

/** The result of migrating one collection. */
export type CollectionResult =
  | { readonly kind: "migrated"; readonly outcome: Outcome }
  | { readonly kind: "deleted"; readonly deleted: DeletedTarget }
  | { readonly kind: "failed"; readonly failed: FailedCollection };

/** The results of migrating several collections. */
export interface MigrationResults {
  readonly outcomes: readonly Outcome[];
  readonly deleted: readonly DeletedTarget[];
  readonly failed: readonly FailedCollection[];
}

/**
 * Migrates collections concurrently. A collection that fails alone does not stop the others and is retried once after
 * them. Throws an error that stops the run; the other collections then stop at their next page, or do not start.
 */
export async function migrateCollections(
  context: CopyContext,
  classifier: FailureClassifier,
  planned: readonly PlannedCollection[],
): Promise<MigrationResults> {
  let results = await migrateConcurrently(context, classifier, planned);
  for (let attempt = 2; attempt <= MAX_ATTEMPTS; attempt++) {
    const failed = new Set(results.flatMap((result) => (result.kind === "failed" ? [result.failed.source.id] : [])));
    if (failed.size === 0) break;
    const retried = planned.filter(({ source: { id } }) => failed.has(id));
    results = [
      ...results.filter(({ kind }) => kind !== "failed"),
      ...(await migrateConcurrently(context, classifier, retried)),
    ];
  }
  return {
    outcomes: results.flatMap((result) => (result.kind === "migrated" ? [result.outcome] : [])),
    deleted: results.flatMap((result) => (result.kind === "deleted" ? [result.deleted] : [])),
    failed: results.flatMap((result) => (result.kind === "failed" ? [result.failed] : [])),
  };
}

async function migrateConcurrently(
  context: CopyContext,
  classifier: FailureClassifier,
  planned: readonly PlannedCollection[],
): Promise<readonly CollectionResult[]> {
  const limit = pLimit(context.settings.concurrency);
  const stop = new AbortController();
  const signals = [stop.signal, ...(context.signal ? [context.signal] : [])];
  const shared = { ...context, signal: AbortSignal.any(signals) };
  const work = planned.map((collection) =>
    limit(async () => {
      stop.signal.throwIfAborted();
      try {
        return await tryMigrateCollection(shared, classifier, collection);
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

/** Migrates one collection, or returns why it alone failed. Throws an error that also stops the others. */
export async function tryMigrateCollection(
  context: CopyContext,
  classifier: FailureClassifier,
  planned: PlannedCollection,
): Promise<CollectionResult> {
  const { database } = context.services;
  try {
    classifier.assertModelWorks(planned);
    const outcome = await migrateOne(context, planned);
    classifier.recordSuccess(planned);
    await forgetFailure(database, context.run, planned.source.id);
    return { kind: "migrated", outcome };
  } catch (error) {
    context.signal?.throwIfAborted();
    const deleted = await findDeletedTarget(context, planned, error);
    if (deleted) return { kind: "deleted", deleted };
    const failed = await classifier.classify(planned, error);
    await saveFailure(database, context.run, failed);
    const event = { ...progressSubject(planned), detail: failed.detail };
    context.onProgress({ ...event, phase: "failed", pass: 1, done: 0, total: 0 });
    return { kind: "failed", failed };
  }
}

/** The deleted target, if a collection failed because its target was deleted in Cairn during the copy. It stays deleted. */
async function findDeletedTarget(
  { services, source }: CopyContext,
  { source: collection, targetPath }: PlannedCollection,
  error: unknown,
): Promise<DeletedTarget | undefined> {
  if (!(error instanceof AppError) || (error.code !== "collection_changed" && error.code !== "not_found"))
    return undefined;
  const mapped = [{ source: collection, targetPath }];
  const deleted = (await readPlacements(services.database, source.url, mapped)).get(collection.id)?.deleted;
  return deleted && { source: collection, detail: explainDeleted(deleted, targetPath) };
}

/** Copies one collection to its end. Safe to repeat: finished work is detected and skipped. */
async function migrateOne(context: CopyContext, plan: PlannedCollection): Promise<Outcome> {
  context.signal?.throwIfAborted();
  const planned = await withDetectedMetric(context.source, plan);
  const { database } = context.services;
  const { tenant, target, metadata } = await ensureTarget(database, planned, context.settings);
  const progress = await migrateCollection(context, { ...planned, writtenMetadata: metadata }, target);
  const findings = await readFindings(database, context.run, planned.source.id, progress.pass);
  // Read again, because the first vector may have set the dimensions.
  const written = await getCollection(database, tenant.id, target.id);
  const collectionFindings = compareCollection({ ...planned, writtenMetadata: metadata }, written);
  return {
    planned,
    target: written,
    tenantName: tenant.name,
    progress,
    findings: [...collectionFindings, ...findings],
  };
}
