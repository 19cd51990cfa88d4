import type { Services } from "@cairn/core/services.ts";
import pLimit from "p-limit";
import { type MigrationResults, migrateCollections } from "./copy/collections.ts";
import type { CopyContext, CopySettings, ProgressEvent } from "./copy/context.ts";
import { createFailureClassifier, type FailureClassifier } from "./copy/failure.ts";
import { createPageMemory } from "./copy/memory.ts";
import { saveReport } from "./ledger/results.ts";
import { acquireRun, finishRun, type Run, type RunStatus, releaseRun, startHeartbeat } from "./ledger/run.ts";
import { findVanished } from "./ledger/vanished.ts";
import { assertMapped } from "./plan/assert-mapped.ts";
import type { PlanOptions } from "./plan/options.ts";
import { type Plan, planMigration, type UnmappedCollection } from "./plan/plan.ts";
import { planSource } from "./plan/plan-source.ts";
import { describeMissingIndexes, promoteCollections } from "./promote.ts";
import type { ChromaPath } from "./protocol/path.ts";
import { buildReport, type Outcome } from "./report/build.ts";
import type { MigrationReport, Verdict } from "./report/report.ts";
import type { Source, SourceCollection } from "./source/source.ts";
import { compareSearches } from "./verify/parity.ts";

export interface MigrateOptions extends PlanOptions, Partial<CopySettings> {
  /** Number of searches to compare. Default 50; 0: none. */
  readonly queries?: number;
  /** Name of the database in the report: host and database, or folder. */
  readonly databaseName: string;
  readonly cairnVersion: string;
  readonly onPlan?: (plan: Plan) => void;
  readonly onProgress?: (event: ProgressEvent) => void;
  readonly signal?: AbortSignal;
}

/** The status of a run for each verdict. */
export const RUN_STATUS: Readonly<Record<Verdict, RunStatus>> = {
  identical: "complete",
  identical_with_exceptions: "complete_with_exceptions",
  not_identical: "not_identical",
};

/**
 * Migrates every collection of a Chroma server to Postgres: repeats passes over each collection until nothing changes,
 * indexes the large ones, compares searches and returns the report. If it is killed, the next start continues. If it is
 * started again after its end, it compares everything and writes only what differs. Changes made in Cairn are kept and
 * listed, unless `discardChanges` is set. The database must have the schema. Throws `run_held` if another process migrates this
 * source, `invalid_input` if a collection is unmapped, and `source_unavailable`, `embedding_quota` and others, after which the
 * run can be resumed. A collection that fails alone is listed in the report, whose verdict is then `not_identical`; the next run
 * continues with it.
 */
export async function migrate(services: Services, source: Source, options: MigrateOptions): Promise<MigrationReport> {
  const started = performance.now();
  await services.database.vectorTypes();
  const plan = await planSource(source, services, options);
  options.onPlan?.(plan);
  assertMapped(plan);
  const run = await acquireRun(services.database, source.url, describeOptions(options));
  const leaseLost = new AbortController();
  const stopHeartbeat = startHeartbeat(services.database, run, (error) => leaseLost.abort(error));
  try {
    const context = createCopyContext(services, source, run, options, leaseLost.signal);
    const classifier = classifierFor(context, plan);
    const { outcomes, ...results } = await migrateAll(context, classifier, plan, options);
    await promoteCollections(context, outcomes);
    const { queries } = options;
    const { search, notices } = await compareSearches(services, source, outcomes, { queries, classifier });
    const vanished = await listVanished(services, source, outcomes, options);
    const report = await buildReport(services.database, outcomes, {
      kind: "migrate",
      cairnVersion: options.cairnVersion,
      sourceUrl: source.url,
      database: { kind: services.database.kind, name: options.databaseName },
      seconds: (performance.now() - started) / 1000,
      runId: run.id,
      search,
      ...results,
      vanished,
      notices: [...notices, ...(await describeMissingIndexes(services.database, outcomes))],
    });
    await saveReport(services.database, run, report);
    await finishRun(services.database, run, RUN_STATUS[report.verdict]);
    return report;
  } catch (error) {
    await releaseRun(services.database, run, (error as Error).message).catch(() => {}); // the lease expires anyway
    throw error;
  } finally {
    stopHeartbeat();
  }
}

/** The context of a run. `leaseLost` is aborted when the lease is lost. */
export function createCopyContext(
  services: Services,
  source: Source,
  run: Run,
  options: MigrateOptions,
  leaseLost: AbortSignal | undefined,
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
    signal: options.signal && leaseLost ? AbortSignal.any([options.signal, leaseLost]) : (leaseLost ?? options.signal),
  };
}

/** A failure classifier for the collections of a plan. */
export function classifierFor(
  { services, source, settings, signal }: CopyContext,
  { collections }: Pick<Plan, "collections">,
): FailureClassifier {
  return createFailureClassifier({ services, source, pageSize: settings.pageSize, signal }, collections);
}

/**
 * Migrates the planned collections, and then those that were created in Chroma in the meantime. Late collections are
 * planned together with the others, whose targets are taken. Late collections that are unmapped are listed in the report,
 * because the others are migrated already.
 */
async function migrateAll(
  context: CopyContext,
  classifier: FailureClassifier,
  plan: Plan,
  options: MigrateOptions,
): Promise<MigrationResults & { readonly unmapped: readonly UnmappedCollection[] }> {
  const first = await migrateCollections(context, classifier, plan.collections);
  const deleted = [...plan.deleted, ...first.deleted];
  const planned = [...plan.collections, ...plan.unmapped, ...plan.deleted];
  const listed = [...planned.map(({ source }) => source), ...plan.skipped];
  const ids = new Set(listed.map(({ id }) => id));
  const isLate = ({ id }: SourceCollection) => !ids.has(id);
  const late = (await context.source.listCollections(options.scope ?? {})).filter(isLate);
  if (late.length === 0) return { ...first, deleted, unmapped: plan.unmapped };
  const { database, embedders } = context.services;
  const latePlan = await planMigration([...listed, ...late], database, embedders, {
    ...options,
    sourceUrl: context.source.url,
  });
  const second = await migrateCollections(
    context,
    classifierFor(context, latePlan),
    latePlan.collections.filter(({ source }) => isLate(source)),
  );
  return {
    outcomes: [...first.outcomes, ...second.outcomes],
    failed: [...first.failed, ...second.failed],
    deleted: [...deleted, ...second.deleted, ...latePlan.deleted.filter(({ source }) => isLate(source))],
    unmapped: [...plan.unmapped, ...latePlan.unmapped.filter(({ source }) => isLate(source))],
  };
}

/** Collections that an earlier run migrated and that Chroma no longer has. */
export async function listVanished(
  { database }: Services,
  source: Source,
  outcomes: readonly Outcome[],
  { scope, only }: MigrateOptions,
): Promise<readonly ChromaPath[]> {
  const listed = await source.listCollections(scope ?? {});
  const targets = new Set(outcomes.map(({ target }) => target.id));
  return findVanished(database, { source: source.url, listed, targets, scope, only });
}

/** The options that the ledger stores: no secrets and no functions. */
const STORED_OPTIONS = [
  "patterns",
  "tenant",
  "mapping",
  "only",
  "reEmbed",
  "sourceModel",
  "model",
  "pageSize",
  "concurrency",
  "prune",
  "discardChanges",
  "scope",
] as const satisfies readonly (keyof MigrateOptions)[];

/** The options of a run, as the ledger stores them. */
export function describeOptions(options: MigrateOptions): object {
  return Object.fromEntries(STORED_OPTIONS.map((name) => [name, options[name]]));
}
