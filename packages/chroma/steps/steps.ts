import { createHash } from "node:crypto";
import type { Database } from "@cairn/core/database/database.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { type ProcessIdentity, thisProcess } from "@cairn/core/process-identity.ts";
import { compareCollection } from "../copy/compare-collection.ts";
import type { CopyContext } from "../copy/context.ts";
import type { FailureJudge } from "../copy/failure.ts";
import { migrateOrExplain } from "../copy/planned.ts";
import { readOutcomes, readSearch, saveReport, saveSearch } from "../ledger/batch.ts";
import { type FailedCollection, MAX_ATTEMPTS, readFailures } from "../ledger/failures.ts";
import { acquireRun, finishRun, type Run, releaseRun } from "../ledger/run.ts";
import {
  describeOptions,
  judgeFor,
  makeContext,
  planAll,
  STATUS,
  toPair,
  vanishedSince,
} from "../migrate.ts";
import type { Plan, PlannedCollection } from "../plan/plan.ts";
import { refuseUnmapped } from "../plan/refuse.ts";
import { missingIndexes, promoteCollections } from "../promote.ts";
import { buildReport, type Outcome } from "../report/build.ts";
import type { Verdict } from "../report/report.ts";
import type { Source } from "../source/source.ts";
import { compareSearches } from "../verify/parity.ts";
import { withProvenMetric } from "../verify/prove-metric.ts";
import { asHolder, assertFits, type BatchState, type StepEnvironment, stepOptions } from "./environment.ts";

// The migration as steps that each take a small JSON and return one, keep their truth in the ledger, and are safe to
// run twice, and at any later time: what is done is found done.

/**
 * Who holds a batch: no process, as each step runs in another, perhaps on a host of the same name. So nobody takes it
 * for dead before its lease has run out.
 */
async function batchIdentity(): Promise<ProcessIdentity> {
  const { host, ...identity } = await thisProcess();
  return { ...identity, host: `a batch on ${host}` };
}

/** Refuses what cannot go, and takes the source for this batch. Throws `run_held` where another has it. */
export async function planStep(
  environment: StepEnvironment,
  { request }: { readonly request: JsonObject },
): Promise<BatchState> {
  const { services, source } = environment;
  assertFits(request);
  const options = stepOptions(environment, request);
  refuseUnmapped(await planAll(services, source, options));
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
 * Copies this shard's collections, one after the other, until each has passed its comparison or time is nearly over.
 * Which are its own follows from their ids, so a state never lists them.
 */
export async function copyStep(
  environment: StepEnvironment,
  state: BatchState & Shard,
): Promise<Shard & { readonly done: boolean }> {
  const { services, source, signal: time } = environment;
  const { shard, shards } = state;
  return asHolder(environment, state, async ({ run, signal }) => {
    const options = stepOptions(environment, state.request);
    await services.database.vectorTypes();
    const plan = await planAll(services, source, options);
    const open = await openCollections(services.database, run, plan);
    const context = makeContext(services, source, run, options, signal);
    const judge = judgeFor(context, plan);
    for (const planned of open.filter(({ source: { id } }) => shardOf(id, shards) === shard))
      try {
        await migrateOrExplain(context, judge, planned);
      } catch (error) {
        if (time.aborted && !(error instanceof AppError && error.code === "run_held"))
          return { shard, shards, done: false };
        throw error;
      }
    return { shard, shards, done: true };
  });
}

function shardOf(sourceId: string, shards: number): number {
  return createHash("sha256").update(sourceId).digest().readUInt32BE(0) % shards;
}

/** The collections of a plan that the run is not done with: neither concluded nor failed for good. */
async function openCollections(
  database: Database,
  run: Run,
  { collections }: Plan,
): Promise<readonly PlannedCollection[]> {
  const concluded = new Set((await readOutcomes(database, run)).map(({ source: { id } }) => id));
  const failures = await readFailures(database, run.id);
  return collections.filter(
    ({ source: { id } }) => !concluded.has(id) && (failures.get(id)?.attempts ?? 0) < MAX_ATTEMPTS,
  );
}

/** Whether every collection that the source has now is concluded: it may have made more meanwhile. */
export async function settleStep(
  environment: StepEnvironment,
  state: BatchState,
): Promise<{ readonly settled: boolean; readonly open: number }> {
  const { services, source } = environment;
  return asHolder(environment, state, async ({ run }) => {
    const plan = await planAll(services, source, stepOptions(environment, state.request));
    const { length: open } = await openCollections(services.database, run, plan);
    return { settled: open === 0, open };
  });
}

/** Gives large collections their indexes, as long as time allows. The largest are left to `cairn reindex`. */
export async function promoteStep(
  environment: StepEnvironment,
  state: BatchState,
): Promise<{ readonly done: boolean }> {
  const { services, source, signal: time } = environment;
  return asHolder(environment, state, async ({ run, signal }) => {
    const context = makeContext(services, source, run, stepOptions(environment, state.request), signal);
    try {
      await promoteCollections(context, await outcomesOf(environment, state), environment.maxRows);
      return { done: true };
    } catch (error) {
      if (!time.aborted) throw error;
      return { done: false };
    }
  });
}

/** Asks Chroma and Cairn the same questions, as many as time allows, and writes down what came of it. */
export async function searchStep(
  environment: StepEnvironment,
  state: BatchState,
): Promise<{ readonly compared: boolean }> {
  const { services, source } = environment;
  return asHolder(environment, state, async ({ run, signal }) => {
    const options = stepOptions(environment, state.request);
    const outcomes = await outcomesOf(environment, state);
    const judge = judgeOutcomes(makeContext(services, source, run, options, undefined), outcomes);
    const compared = await compareSearches(services, source, outcomes.map(toPair), {
      queries: options.queries,
      judge,
      signal,
    });
    await saveSearch(services.database, run, compared);
    return { compared: compared.search !== null };
  });
}

/** Puts the proof together, keeps it with the run, and ends the run with its verdict. */
export async function reportStep(
  environment: StepEnvironment,
  state: BatchState,
): Promise<{ readonly runId: string; readonly verdict: Verdict }> {
  const { services, source, databaseName, cairnVersion } = environment;
  return asHolder(environment, state, async ({ run, signal }) => {
    const { search, notices, seconds } = await readSearch(services.database, run);
    const options = stepOptions(environment, state.request);
    const plan = await planAll(services, source, options);
    const concluded = await outcomesOf(environment, state);
    const judge = judgeOutcomes(makeContext(services, source, run, options, signal), concluded);
    const { outcomes, unproven } = await proveOutcomes(source, judge, concluded);
    const report = await buildReport(services.database, outcomes, {
      kind: "migrate",
      cairnVersion,
      sourceUrl: run.source,
      database: { kind: services.database.kind, name: databaseName },
      seconds,
      runId: run.id,
      search,
      unmapped: plan.unmapped,
      failed: [...unproven, ...(await listUnfinished(services.database, run, plan, concluded))],
      vanished: await vanishedSince(services, source, outcomes, options),
      deleted: plan.deleted,
      notices: [...notices, ...(await missingIndexes(services.database, outcomes))],
    });
    await saveReport(services.database, run, report);
    await finishRun(services.database, run, STATUS[report.verdict]);
    return { runId: run.id, verdict: report.verdict };
  });
}

/** Gives the run back with the reason, so that the next start goes on at once. */
export async function releaseStep(
  { services }: StepEnvironment,
  { run, cause }: BatchState & { readonly cause: string },
): Promise<{ readonly released: true }> {
  await releaseRun(services.database, { ...run, resumed: true }, cause);
  return { released: true };
}

function judgeOutcomes(context: CopyContext, outcomes: readonly Outcome[]): FailureJudge {
  return judgeFor(context, { collections: outcomes.map(({ planned }) => planned) });
}

/** The collections of a plan that did not come to their end, each with the reason. */
async function listUnfinished(
  database: Database,
  run: Run,
  { collections }: Plan,
  concluded: readonly Outcome[],
): Promise<readonly FailedCollection[]> {
  const done = new Set(concluded.map(({ planned }) => planned.source.id));
  const failures = await readFailures(database, run.id);
  return collections.flatMap(({ source }) => {
    if (done.has(source.id)) return [];
    const { code = "source_unavailable", detail = UNFINISHED } = failures.get(source.id) ?? {};
    return [{ source, code, detail }];
  });
}

const UNFINISHED =
  "It was made in Chroma while the migration came to its end, and is not migrated yet. Start the migration again.";

/** The outcomes with what the distances of the source tell of their metrics, and those where Chroma fails to tell it. */
async function proveOutcomes(
  source: Source,
  judge: FailureJudge,
  outcomes: readonly Outcome[],
): Promise<{ readonly outcomes: readonly Outcome[]; readonly unproven: readonly FailedCollection[] }> {
  const proven: Outcome[] = [];
  const unproven: FailedCollection[] = [];
  for (const outcome of outcomes)
    try {
      proven.push(await proveOutcome(source, outcome));
    } catch (error) {
      proven.push(outcome);
      unproven.push(await judge.judge(outcome.planned, error));
    }
  return { outcomes: proven, unproven };
}

async function proveOutcome(source: Source, outcome: Outcome): Promise<Outcome> {
  const planned = await withProvenMetric(source, outcome.planned);
  const before = new Set(compareCollection(outcome.planned, outcome.target).map(({ detail }) => detail));
  const records = outcome.findings.filter(({ id, detail }) => id !== "" || !before.has(detail));
  const findings = [...compareCollection(planned, outcome.target), ...records];
  return { ...outcome, planned, findings };
}

/** Every concluded collection with its plan, target and findings. One that has gone from Chroma since is told by the ledger alone. */
async function outcomesOf(
  environment: StepEnvironment,
  { run, request }: BatchState,
): Promise<readonly Outcome[]> {
  const { services, source } = environment;
  const { collections } = await planAll(services, source, stepOptions(environment, request));
  const known = new Map(collections.map((planned) => [planned.source.id, planned]));
  const concluded = await readOutcomes(services.database, { ...run, resumed: true });
  return concluded.map(({ source: from, vectors, why, findings, ...outcome }) => {
    const { target, tenantName } = outcome;
    const { dimensions, metric, metadata, embeddingModel: model } = target;
    const planned = {
      source: { ...from, dimensions, metric, metadata, model },
      place: { tenant: tenantName, collection: target.name },
      target,
      model,
      dimensions,
      ...known.get(from.id),
      vectors,
      why,
    };
    return { ...outcome, planned, findings: [...compareCollection(planned, target), ...findings] };
  });
}
