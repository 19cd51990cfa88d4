import { getCollection } from "@cairn/core/collection/get.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
import pLimit from "p-limit";
import { migrateCollection } from "./copy/collection.ts";
import { compareCollection } from "./copy/compare-collection.ts";
import type { CopyContext, CopySettings, ProgressEvent } from "./copy/context.ts";
import { ensureTarget } from "./copy/target.ts";
import { saveReport } from "./ledger/batch.ts";
import { readFindings } from "./ledger/collection.ts";
import { readPlacements } from "./ledger/placement.ts";
import { acquireRun, finishRun, keepLease, type Run, type RunStatus, releaseRun } from "./ledger/run.ts";
import { findVanished } from "./ledger/vanished.ts";
import { type DeletedTarget, explainDeleted } from "./plan/earlier.ts";
import type { PlanOptions } from "./plan/options.ts";
import { type Misfit, type Plan, type PlannedCollection, planMigration } from "./plan/plan.ts";
import { planSource } from "./plan/plan-source.ts";
import { refuseMisfits } from "./plan/refuse.ts";
import { missingIndexes, promoteCollections } from "./promote.ts";
import { buildReport, type Outcome } from "./report/build.ts";
import type { MigrationReport, Verdict } from "./report/report.ts";
import type { SourcePath } from "./source/label.ts";
import type { Source, SourceCollection } from "./source/source.ts";
import { compareSearches } from "./verify/parity.ts";
import { withProvenMetric } from "./verify/prove-metric.ts";

export interface MigrateOptions extends PlanOptions, Partial<CopySettings> {
  /** Searches to compare. Default 50; 0: none. */
  readonly queries?: number;
  /** For the report: host and database, or folder. */
  readonly databaseName: string;
  readonly cairnVersion: string;
  readonly onPlan?: (plan: Plan) => void;
  readonly onProgress?: (event: ProgressEvent) => void;
  readonly signal?: AbortSignal;
}

export const STATUS: Readonly<Record<Verdict, RunStatus>> = {
  identical: "complete",
  identical_with_exceptions: "complete_with_exceptions",
  not_identical: "not_identical",
};

/**
 * Takes every collection of a Chroma server into Postgres, passes over each until nothing changes, indexes the large
 * ones, compares searches and returns the proof. Killed and started again, it goes on where it was; started again after its end, it compares
 * everything and writes only what differs. What was changed in Cairn since stays and is listed, unless `discardChanges`.
 * The database has its schema already. Throws `run_held` where another process works on this source, `invalid_input` where a collection has no place,
 * `source_unavailable`, `embedding_quota` and others: the run is then resumable.
 */
export async function migrate(
  services: Services,
  source: Source,
  options: MigrateOptions,
): Promise<MigrationReport> {
  const started = performance.now();
  await services.database.vectorTypes();
  const plan = await planAll(services, source, options);
  options.onPlan?.(plan);
  refuseMisfits(plan);
  const run = await acquireRun(services.database, source.url, describeOptions(options));
  const lost = new AbortController();
  const stopLease = keepLease(services.database, run, (error) => lost.abort(error));
  try {
    const context = makeContext(services, source, run, options, lost.signal);
    const { outcomes, misfits, deleted } = await migrateAll(context, plan, options);
    await promoteCollections(context, outcomes);
    const search = await compareSearches(services, source, outcomes.map(toPair), options.queries ?? 50);
    const vanished = await vanishedSince(services, source, outcomes, options);
    const report = await buildReport(services.database, outcomes, {
      kind: "migrate",
      cairnVersion: options.cairnVersion,
      sourceUrl: source.url,
      database: { kind: services.database.kind, name: options.databaseName },
      seconds: (performance.now() - started) / 1000,
      runId: run.id,
      search,
      misfits,
      vanished,
      deleted,
      notices: await missingIndexes(services.database, outcomes),
    });
    await saveReport(services.database, run, report);
    await finishRun(services.database, run, STATUS[report.verdict]);
    return report;
  } catch (error) {
    await releaseRun(services.database, run, (error as Error).message).catch(() => {}); // the lease runs out by itself
    throw error;
  } finally {
    stopLease();
  }
}

/** The plan for everything that the source has now. */
export function planAll(services: Services, source: Source, options: MigrateOptions): Promise<Plan> {
  return planSource(source, services, options);
}

export function makeContext(
  services: Services,
  source: Source,
  run: Run,
  options: MigrateOptions,
  lost: AbortSignal,
): CopyContext {
  const { pageSize = 300, concurrency = 2, prune = false, discardChanges = false, maxPasses = 10 } = options;
  return {
    services,
    source,
    run,
    settings: { pageSize, concurrency, prune: prune || discardChanges, discardChanges, maxPasses },
    limit: pLimit(concurrency),
    onProgress: options.onProgress ?? (() => {}),
    signal: options.signal ? AbortSignal.any([options.signal, lost]) : lost,
  };
}

/**
 * All of the plan, and then what was made in Chroma meanwhile: planned beside the rest, whose places are taken. What
 * does not fit now is told in the report, as the others are migrated already.
 */
async function migrateAll(
  context: CopyContext,
  plan: Plan,
  options: MigrateOptions,
): Promise<Migrated & { readonly misfits: readonly Misfit[] }> {
  const first = await migratePlanned(context, plan.collections);
  const deleted = [...plan.deleted, ...first.deleted];
  const planned = [...plan.collections, ...plan.misfits, ...plan.deleted];
  const known = [...planned.map(({ source }) => source), ...plan.skipped];
  const ids = new Set(known.map(({ id }) => id));
  const isLate = ({ id }: SourceCollection) => !ids.has(id);
  const late = (await context.source.listCollections(options.scope ?? {})).filter(isLate);
  if (late.length === 0) return { outcomes: first.outcomes, deleted, misfits: plan.misfits };
  const { database, embedders } = context.services;
  const all = await planMigration([...known, ...late], database, embedders, {
    ...options,
    sourceUrl: context.source.url,
  });
  const second = await migratePlanned(
    context,
    all.collections.filter(({ source }) => isLate(source)),
  );
  return {
    outcomes: [...first.outcomes, ...second.outcomes],
    deleted: [...deleted, ...second.deleted, ...all.deleted.filter(({ source }) => isLate(source))],
    misfits: [...plan.misfits, ...all.misfits.filter(({ source }) => isLate(source))],
  };
}

async function migratePlanned(
  context: CopyContext,
  planned: readonly PlannedCollection[],
): Promise<Migrated> {
  const several = pLimit(context.settings.concurrency);
  const failed = new AbortController();
  const signals = [failed.signal, ...(context.signal ? [context.signal] : [])];
  const shared = { ...context, signal: AbortSignal.any(signals) };
  const work = planned.map((one) =>
    several(async () => {
      failed.signal.throwIfAborted();
      try {
        return await migrateOne(shared, one);
      } catch (error) {
        const deleted = await deletedMeanwhile(shared, one, error);
        if (deleted) return deleted;
        failed.abort(error); // the others stop at their next page, or do not begin
        throw error;
      }
    }),
  );
  const settled = await Promise.allSettled(work);
  if (failed.signal.aborted) throw failed.signal.reason;
  const results = settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  return {
    outcomes: results.flatMap((result) => ("progress" in result ? [result] : [])),
    deleted: results.flatMap((result) => ("progress" in result ? [] : [result])),
  };
}

/** Whether a collection failed because its target was deleted in Cairn while it was copied: then it stays so. */
export async function deletedMeanwhile(
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

interface Migrated {
  readonly outcomes: readonly Outcome[];
  readonly deleted: readonly DeletedTarget[];
}

/** Copies one collection to its end. Safe to repeat: what is done is found done. */
export async function migrateOne(context: CopyContext, plan: PlannedCollection): Promise<Outcome> {
  context.signal?.throwIfAborted();
  const planned = await withProvenMetric(context.source, plan);
  const { database } = context.services;
  const { tenant, target, metadata } = await ensureTarget(database, planned, context.settings);
  const progress = await migrateCollection(context, { ...planned, writtenMetadata: metadata }, target);
  const findings = await readFindings(database, context.run, planned.source.id, progress.pass);
  // Anew: the first vector may have decided its dimensions.
  const written = await getCollection(database, tenant.id, target.id);
  const own = compareCollection({ ...planned, writtenMetadata: metadata }, written);
  return { planned, target: written, tenantName: tenant.name, progress, findings: [...own, ...findings] };
}

/** Collections that an earlier run took over, and that Chroma has no longer. */
export async function vanishedSince(
  { database }: Services,
  source: Source,
  outcomes: readonly Outcome[],
  { scope, only }: MigrateOptions,
): Promise<readonly SourcePath[]> {
  const listed = await source.listCollections(scope ?? {});
  const targets = new Set(outcomes.map(({ target }) => target.id));
  return findVanished(database, { source: source.url, listed, targets, scope, only });
}

/** A collection on both sides, for comparing searches. */
export function toPair({ planned, target, progress }: Outcome) {
  return {
    source: planned.source,
    target,
    vectors: planned.vectors,
    count: progress.state === "vanished" ? 0 : progress.tally.seen,
  };
}

/** What of the options belongs into the ledger: nothing secret, nothing that runs. */
export function describeOptions(options: MigrateOptions): object {
  const {
    patterns,
    tenant,
    mapping,
    only,
    reEmbed,
    sourceModel,
    model,
    pageSize,
    concurrency,
    prune,
    discardChanges,
    scope,
  } = options;
  return {
    patterns,
    tenant,
    mapping,
    only,
    reEmbed,
    sourceModel,
    model,
    pageSize,
    concurrency,
    prune,
    discardChanges,
    scope,
  };
}
