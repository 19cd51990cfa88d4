import type { Services } from "@cairn/core/services.ts";
import pLimit from "p-limit";
import type { CopyContext, CopySettings, ProgressEvent } from "./copy/context.ts";
import { createFailureJudge, type FailureJudge } from "./copy/failure.ts";
import { createPageMemory } from "./copy/memory.ts";
import { type Migrated, migratePlanned } from "./copy/planned.ts";
import { saveReport } from "./ledger/batch.ts";
import { acquireRun, finishRun, keepLease, type Run, type RunStatus, releaseRun } from "./ledger/run.ts";
import { findVanished } from "./ledger/vanished.ts";
import type { PlanOptions } from "./plan/options.ts";
import { type Plan, planMigration, type UnmappedCollection } from "./plan/plan.ts";
import { planSource } from "./plan/plan-source.ts";
import { refuseUnmapped } from "./plan/refuse.ts";
import { missingIndexes, promoteCollections } from "./promote.ts";
import { buildReport, type Outcome } from "./report/build.ts";
import type { MigrationReport, Verdict } from "./report/report.ts";
import type { SourcePath } from "./source/label.ts";
import type { Source, SourceCollection } from "./source/source.ts";
import { compareSearches } from "./verify/parity.ts";

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
 * `source_unavailable`, `embedding_quota` and others: the run is then resumable. A collection that fails by itself is told
 * in the report, which is then not identical; the next run goes on with it.
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
  refuseUnmapped(plan);
  const run = await acquireRun(services.database, source.url, describeOptions(options));
  const lost = new AbortController();
  const stopLease = keepLease(services.database, run, (error) => lost.abort(error));
  try {
    const context = makeContext(services, source, run, options, lost.signal);
    const judge = judgeFor(context, plan);
    const { outcomes, ...others } = await migrateAll(context, judge, plan, options);
    await promoteCollections(context, outcomes);
    const { search, notices } = await compareSearches(services, source, outcomes.map(toPair), {
      queries: options.queries,
      judge,
    });
    const vanished = await vanishedSince(services, source, outcomes, options);
    const report = await buildReport(services.database, outcomes, {
      kind: "migrate",
      cairnVersion: options.cairnVersion,
      sourceUrl: source.url,
      database: { kind: services.database.kind, name: options.databaseName },
      seconds: (performance.now() - started) / 1000,
      runId: run.id,
      search,
      ...others,
      vanished,
      notices: [...notices, ...(await missingIndexes(services.database, outcomes))],
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
  lost: AbortSignal | undefined,
): CopyContext {
  const { pageSize = 300, concurrency = 2, prune = false, discardChanges = false, maxPasses = 10 } = options;
  return {
    services,
    source,
    run,
    settings: { pageSize, concurrency, prune: prune || discardChanges, discardChanges, maxPasses },
    limit: pLimit(concurrency),
    memory: createPageMemory(),
    onProgress: options.onProgress ?? (() => {}),
    signal: options.signal && lost ? AbortSignal.any([options.signal, lost]) : (lost ?? options.signal),
  };
}

export function judgeFor(
  { services, source, settings, signal }: CopyContext,
  { collections }: Pick<Plan, "collections">,
): FailureJudge {
  return createFailureJudge({ services, source, pageSize: settings.pageSize, signal }, collections);
}

/**
 * All of the plan, and then what was made in Chroma meanwhile: planned beside the rest, whose places are taken. What
 * does not fit now is told in the report, as the others are migrated already.
 */
async function migrateAll(
  context: CopyContext,
  judge: FailureJudge,
  plan: Plan,
  options: MigrateOptions,
): Promise<Migrated & { readonly unmapped: readonly UnmappedCollection[] }> {
  const first = await migratePlanned(context, judge, plan.collections);
  const deleted = [...plan.deleted, ...first.deleted];
  const planned = [...plan.collections, ...plan.unmapped, ...plan.deleted];
  const known = [...planned.map(({ source }) => source), ...plan.skipped];
  const ids = new Set(known.map(({ id }) => id));
  const isLate = ({ id }: SourceCollection) => !ids.has(id);
  const late = (await context.source.listCollections(options.scope ?? {})).filter(isLate);
  if (late.length === 0) return { ...first, deleted, unmapped: plan.unmapped };
  const { database, embedders } = context.services;
  const all = await planMigration([...known, ...late], database, embedders, {
    ...options,
    sourceUrl: context.source.url,
  });
  const second = await migratePlanned(
    context,
    judgeFor(context, all),
    all.collections.filter(({ source }) => isLate(source)),
  );
  return {
    outcomes: [...first.outcomes, ...second.outcomes],
    failed: [...first.failed, ...second.failed],
    deleted: [...deleted, ...second.deleted, ...all.deleted.filter(({ source }) => isLate(source))],
    unmapped: [...plan.unmapped, ...all.unmapped.filter(({ source }) => isLate(source))],
  };
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
    planned,
    target,
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
