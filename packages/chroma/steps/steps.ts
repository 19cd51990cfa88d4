import { createHash } from "node:crypto";
import type { Database } from "@cairn/core/database/database.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { type ProcessIdentity, thisProcess } from "@cairn/core/process-identity.ts";
import { tryMigrateCollection } from "../copy/collections.ts";
import { compareCollection } from "../copy/compare-collection.ts";
import type { CopyContext } from "../copy/context.ts";
import type { FailureClassifier } from "../copy/failure.ts";
import { type FailedCollection, MAX_ATTEMPTS, readFailures } from "../ledger/failures.ts";
import { readFinishedCollections, readSearch, saveReport, saveSearch } from "../ledger/results.ts";
import { acquireRun, finishRun, type Run, releaseRun } from "../ledger/run.ts";
import { classifierFor, createCopyContext, describeOptions, listVanished, RUN_STATUS } from "../migrate.ts";
import { assertMapped } from "../plan/assert-mapped.ts";
import type { Plan, PlannedCollection } from "../plan/plan.ts";
import { planSource } from "../plan/plan-source.ts";
import { describeMissingIndexes, promoteCollections } from "../promote.ts";
import { buildReport, type Outcome } from "../report/build.ts";
import type { Verdict } from "../report/report.ts";
import type { Source } from "../source/source.ts";
import { withDetectedMetric } from "../verify/detect-metric.ts";
import { compareSearches } from "../verify/parity.ts";
import { assertRequestSize, type BatchState, type StepEnvironment, stepOptions, withRunLease } from "./environment.ts";

// The migration as steps. Each step takes and returns a small JSON value and keeps its state in the ledger. Steps are
// idempotent and can run again at any later time, because finished work is detected and skipped.

/**
 * The lease owner of a batch. It names no process, because each step runs in another process, perhaps on a host with the
 * same name. So the lease ends only when it expires.
 */
async function batchIdentity(): Promise<ProcessIdentity> {
  const { host, ...identity } = await thisProcess();
  return { ...identity, host: `a batch on ${host}` };
}

/** Rejects unmapped collections and acquires the lease for this batch. Throws `run_held` if another process has it. */
export async function planStep(
  environment: StepEnvironment,
  { request }: { readonly request: JsonObject },
): Promise<BatchState> {
  const { services, source } = environment;
  assertRequestSize(request);
  const options = stepOptions(environment, request);
  assertMapped(await planSource(source, services, options));
  const { id, fence } = await acquireRun(
    services.database,
    source.url,
    describeOptions(options),
    await batchIdentity(),
  );
  return { run: { id, fence, source: source.url }, request };
}

export interface Shard {
  readonly shard: number;
  readonly shards: number;
}

/**
 * Copies the collections of this shard, one after the other, until each is compared or the time is nearly over. The shard
 * of a collection follows from its id, so the state never lists collections.
 */
export async function copyStep(
  environment: StepEnvironment,
  state: BatchState & Shard,
): Promise<Shard & { readonly done: boolean }> {
  const { services, source, signal: timeLimit } = environment;
  const { shard, shards } = state;
  return withRunLease(environment, state, async ({ run, signal }) => {
    const options = stepOptions(environment, state.request);
    await services.database.vectorTypes();
    const plan = await planSource(source, services, options);
    const open = await listPending(services.database, run, plan);
    const context = createCopyContext(services, source, run, options, signal);
    const classifier = classifierFor(context, plan);
    for (const planned of open.filter(({ source: { id } }) => shardOf(id, shards) === shard))
      try {
        await tryMigrateCollection(context, classifier, planned);
      } catch (error) {
        if (timeLimit.aborted && !(error instanceof AppError && error.code === "run_held"))
          return { shard, shards, done: false };
        throw error;
      }
    return { shard, shards, done: true };
  });
}

function shardOf(sourceId: string, shards: number): number {
  return createHash("sha256").update(sourceId).digest().readUInt32BE(0) % shards;
}

/** The collections of a plan that the run has neither finished nor given up on. */
async function listPending(database: Database, run: Run, { collections }: Plan): Promise<readonly PlannedCollection[]> {
  const finished = new Set((await readFinishedCollections(database, run)).map(({ source: { id } }) => id));
  const failures = await readFailures(database, run.id);
  return collections.filter(
    ({ source: { id } }) => !finished.has(id) && (failures.get(id)?.attempts ?? 0) < MAX_ATTEMPTS,
  );
}

/** Whether every collection that the source has now is finished. New collections may have been created in the meantime. */
export async function settleStep(
  environment: StepEnvironment,
  state: BatchState,
): Promise<{ readonly settled: boolean; readonly open: number }> {
  const { services, source } = environment;
  return withRunLease(environment, state, async ({ run }) => {
    const plan = await planSource(source, services, stepOptions(environment, state.request));
    const { length: open } = await listPending(services.database, run, plan);
    return { settled: open === 0, open };
  });
}

/** Builds the indexes of large collections, as long as the time allows. The largest are left to `cairn reindex`. */
export async function promoteStep(
  environment: StepEnvironment,
  state: BatchState,
): Promise<{ readonly done: boolean }> {
  const { services, source, signal: timeLimit } = environment;
  return withRunLease(environment, state, async ({ run, signal }) => {
    const context = createCopyContext(services, source, run, stepOptions(environment, state.request), signal);
    try {
      await promoteCollections(context, await readOutcomes(environment, state), environment.maxRows);
      return { done: true };
    } catch (error) {
      if (!timeLimit.aborted) throw error;
      return { done: false };
    }
  });
}

/** Compares searches in Chroma and Cairn, as many as the time allows, and saves the result. */
export async function searchStep(
  environment: StepEnvironment,
  state: BatchState,
): Promise<{ readonly compared: boolean }> {
  const { services, source } = environment;
  return withRunLease(environment, state, async ({ run, signal }) => {
    const options = stepOptions(environment, state.request);
    const outcomes = await readOutcomes(environment, state);
    const classifier = classifierForOutcomes(createCopyContext(services, source, run, options, undefined), outcomes);
    const compared = await compareSearches(services, source, outcomes, {
      queries: options.queries,
      classifier,
      signal,
    });
    await saveSearch(services.database, run, compared);
    return { compared: compared.search !== null };
  });
}

/** Builds the report, saves it with the run, and finishes the run with the verdict. */
export async function reportStep(
  environment: StepEnvironment,
  state: BatchState,
): Promise<{ readonly runId: string; readonly verdict: Verdict }> {
  const { services, source, databaseName, cairnVersion } = environment;
  return withRunLease(environment, state, async ({ run, signal }) => {
    const { search, notices, seconds } = await readSearch(services.database, run);
    const options = stepOptions(environment, state.request);
    const plan = await planSource(source, services, options);
    const finished = await readOutcomes(environment, state);
    const classifier = classifierForOutcomes(createCopyContext(services, source, run, options, signal), finished);
    const { outcomes, unconfirmed } = await detectMetrics(source, classifier, finished);
    const report = await buildReport(services.database, outcomes, {
      kind: "migrate",
      cairnVersion,
      sourceUrl: run.source,
      database: { kind: services.database.kind, name: databaseName },
      seconds,
      runId: run.id,
      search,
      unmapped: plan.unmapped,
      failed: [...unconfirmed, ...(await listUnfinished(services.database, run, plan, finished))],
      vanished: await listVanished(services, source, outcomes, options),
      deleted: plan.deleted,
      notices: [...notices, ...(await describeMissingIndexes(services.database, outcomes))],
    });
    await saveReport(services.database, run, report);
    await finishRun(services.database, run, RUN_STATUS[report.verdict]);
    return { runId: run.id, verdict: report.verdict };
  });
}

/** Releases the lease with the reason, so that the next start can continue at once. */
export async function releaseStep(
  { services }: StepEnvironment,
  { run, cause }: BatchState & { readonly cause: string },
): Promise<{ readonly released: true }> {
  await releaseRun(services.database, { ...run, resumed: true }, cause);
  return { released: true };
}

function classifierForOutcomes(context: CopyContext, outcomes: readonly Outcome[]): FailureClassifier {
  return classifierFor(context, { collections: outcomes.map(({ planned }) => planned) });
}

/** The collections of a plan that are not finished, each with the reason. */
async function listUnfinished(
  database: Database,
  run: Run,
  { collections }: Plan,
  finished: readonly Outcome[],
): Promise<readonly FailedCollection[]> {
  const done = new Set(finished.map(({ planned }) => planned.source.id));
  const failures = await readFailures(database, run.id);
  return collections.flatMap(({ source }) => {
    if (done.has(source.id)) return [];
    const { code = "source_unavailable", detail = UNFINISHED } = failures.get(source.id) ?? {};
    return [{ source, code, detail }];
  });
}

const UNFINISHED =
  "The collection was created in Chroma while the migration was ending and is not migrated yet. Start the migration again.";

/** The outcomes with the metrics detected from Chroma's distances, and the collections where detection failed. */
async function detectMetrics(
  source: Source,
  classifier: FailureClassifier,
  outcomes: readonly Outcome[],
): Promise<{ readonly outcomes: readonly Outcome[]; readonly unconfirmed: readonly FailedCollection[] }> {
  const detected: Outcome[] = [];
  const unconfirmed: FailedCollection[] = [];
  for (const outcome of outcomes)
    try {
      detected.push(await detectOutcomeMetric(source, outcome));
    } catch (error) {
      detected.push(outcome);
      unconfirmed.push(await classifier.classify(outcome.planned, error));
    }
  return { outcomes: detected, unconfirmed };
}

async function detectOutcomeMetric(source: Source, outcome: Outcome): Promise<Outcome> {
  const planned = await withDetectedMetric(source, outcome.planned);
  const before = new Set(compareCollection(outcome.planned, outcome.target).map(({ detail }) => detail));
  const records = outcome.findings.filter(({ id, detail }) => id !== "" || !before.has(detail));
  const findings = [...compareCollection(planned, outcome.target), ...records];
  return { ...outcome, planned, findings };
}

/** Every finished collection with its plan, target and findings. If Chroma no longer has it, only the ledger describes it. */
async function readOutcomes(environment: StepEnvironment, { run, request }: BatchState): Promise<readonly Outcome[]> {
  const { services, source } = environment;
  const { collections } = await planSource(source, services, stepOptions(environment, request));
  const plannedById = new Map(collections.map((planned) => [planned.source.id, planned]));
  const finished = await readFinishedCollections(services.database, { ...run, resumed: true });
  return finished.map(({ source: sourceCollection, vectors, why, findings, ...outcome }) => {
    const { target, tenantName } = outcome;
    const { dimensions, metric, metadata, embeddingModel: model } = target;
    const planned = {
      source: { ...sourceCollection, dimensions, metric, metadata, model },
      targetPath: { tenant: tenantName, collection: target.name },
      target,
      model,
      dimensions,
      ...plannedById.get(sourceCollection.id),
      vectors,
      why,
    };
    return { ...outcome, planned, findings: [...compareCollection(planned, target), ...findings] };
  });
}
