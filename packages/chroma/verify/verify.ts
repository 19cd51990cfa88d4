import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Services } from "@cairn/core/services.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import pLimit from "p-limit";
import { createAdaptivePageSize } from "../copy/adaptive-page-size.ts";
import { cairnChangeFindings, extraFinding } from "../copy/cairn-changes.ts";
import { compareCollection } from "../copy/compare-collection.ts";
import { progressSubject } from "../copy/context.ts";
import { createFailureClassifier } from "../copy/failure.ts";
import { compareIdSets } from "../copy/id-sets.ts";
import { createPageMemory } from "../copy/memory.ts";
import type { ComparedPage, Limit, PassContext } from "../copy/page.ts";
import { comparedPages } from "../copy/pages.ts";
import { copyRules } from "../copy/record.ts";
import { isWrittenByService } from "../copy/stored.ts";
import type { Finding, Progress } from "../ledger/collection.ts";
import type { FailedCollection } from "../ledger/failures.ts";
import { addTally, EMPTY_TALLY, type Tally } from "../ledger/tally.ts";
import { findVanished } from "../ledger/vanished.ts";
import type { MigrateOptions } from "../migrate.ts";
import { assertMapped } from "../plan/assert-mapped.ts";
import type { PlannedCollection, UnmappedCollection } from "../plan/plan.ts";
import { planSource } from "../plan/plan-source.ts";
import { buildReport, type Outcome } from "../report/build.ts";
import type { MigrationReport } from "../report/report.ts";
import type { Source } from "../source/source.ts";
import { withDetectedMetric } from "./detect-metric.ts";
import { compareSearches } from "./parity.ts";

/** The options of a migration except those for writing. Default `pageSize` 300, `concurrency` 2. */
export type VerifyOptions = Omit<MigrateOptions, "prune" | "maxPasses" | "onPlan">;

/**
 * Compares every collection of a Chroma server with its target, in both directions, and compares their searches. Writes
 * nothing on either side, not even to the ledger. A collection that only one side has counts as a difference, and so does a
 * collection that alone cannot be compared. Throws `source_unavailable`.
 */
export async function verify(services: Services, source: Source, options: VerifyOptions): Promise<MigrationReport> {
  const started = performance.now();
  await services.database.vectorTypes();
  const { listed, ...plan } = await planSource(source, services, {
    ...options,
    compareOnly: true,
    discardChanges: false,
  });
  assertMapped(plan);
  const limit = pLimit(options.concurrency ?? 2);
  const { pageSize = PAGE_SIZE, signal } = options;
  const classifier = createFailureClassifier({ services, source, pageSize, signal }, plan.collections);
  const outcomes: Outcome[] = [];
  const failed: FailedCollection[] = [];
  const unmapped: UnmappedCollection[] = [...plan.unmapped];
  for (const planned of plan.collections)
    if (planned.target) {
      const withTarget = { ...planned, target: planned.target };
      try {
        outcomes.push(await verifyCollection(services, source, withTarget, limit, options));
        classifier.recordSuccess(planned);
      } catch (error) {
        failed.push(await classifier.classify(planned, error));
      }
    } else unmapped.push({ source: planned.source, problem: describeMissingTarget(planned), blocking: false });
  const targets = new Set(outcomes.map(({ target }) => target.id));
  const vanished = await findVanished(services.database, {
    source: source.url,
    listed,
    targets,
    scope: options.scope,
    only: options.only,
  });
  const { queries } = options;
  const { search, notices } = await compareSearches(services, source, outcomes, { queries, classifier });
  return buildReport(services.database, outcomes, {
    kind: "verify",
    cairnVersion: options.cairnVersion,
    sourceUrl: source.url,
    database: { kind: services.database.kind, name: options.databaseName },
    seconds: (performance.now() - started) / 1000,
    search,
    unmapped,
    failed,
    vanished,
    deleted: plan.deleted,
    notices,
  });
}

/** Records in one request. */
const PAGE_SIZE = 300;

/** A planned collection whose target exists. */
type TargetedCollection = PlannedCollection & { readonly target: Collection };

function describeMissingTarget({ targetPath }: PlannedCollection): string {
  return `Its target, collection ${targetPath.collection} of tenant ${targetPath.tenant}, does not exist. Run: cairn migrate`;
}

async function verifyCollection(
  services: Services,
  source: Source,
  plan: TargetedCollection,
  limit: Limit,
  options: VerifyOptions,
): Promise<Outcome> {
  const started = performance.now();
  const planned = { ...(await withDetectedMetric(source, plan)), target: plan.target };
  const pass = createPassContext(services, source, planned, limit, options);
  const { tally, findings } = await comparePass(pass, planned, options);
  const { stable, equal, extras } = await compareIdSets(pass, tally);
  findings.push(...compareCollection(planned, pass.target));
  for (const { id, writtenByService } of extras) findings.push(extraFinding(id, writtenByService));
  if (!stable)
    findings.push({
      id: "",
      kind: "missing",
      detail: "Chroma changed during the comparison. Run it again when there are fewer writes.",
    });
  const identical = stable && equal && tally.changed === 0 && tally.deleted === 0;
  const progress: Progress = {
    state: identical ? "identical" : "not_identical",
    fresh: false,
    pass: 1,
    position: tally.seen,
    tally,
    written: 0,
    seconds: (performance.now() - started) / 1000,
  };
  const tenant = await getTenant(services.database, pass.target.tenantId);
  return { planned, target: pass.target, tenantName: tenant.name, progress, findings };
}

function createPassContext(
  services: Services,
  source: Source,
  planned: TargetedCollection,
  limit: Limit,
  options: VerifyOptions,
): PassContext {
  const { target } = planned;
  return {
    source,
    database: services.database,
    collection: planned.source,
    target,
    rules: copyRules(services, planned, target),
    pageSize: options.pageSize ?? PAGE_SIZE,
    maxPagesAhead: options.concurrency ?? 2,
    limit,
    memory: createPageMemory(),
    adaptivePageSize: createAdaptivePageSize(options.pageSize ?? PAGE_SIZE),
    fresh: false,
    discardChanges: false,
  };
}

async function comparePass(
  pass: PassContext,
  planned: PlannedCollection,
  options: VerifyOptions,
): Promise<{ readonly tally: Tally; readonly findings: Finding[] }> {
  const total = await pass.source.count(pass.collection);
  const event = { ...progressSubject(planned), phase: "verify", pass: 1, total } as const;
  let tally = EMPTY_TALLY;
  const findings: Finding[] = [];
  for await (const page of comparedPages(pass, 0)) {
    options.signal?.throwIfAborted();
    const { differing, quarantined } = classifyPage(page, pass.rules.vectors);
    tally = addTally(tally, { ...page.tally, changed: differing.length, quarantined: quarantined.length });
    findings.push(...differing, ...quarantined);
    options.onProgress?.({ ...event, done: page.position });
  }
  options.onProgress?.({ ...event, phase: "done", done: tally.seen, total: tally.seen });
  return { tally, findings };
}

/**
 * Divides the findings of a page into differences and quarantined records. If texts are embedded again, a record that only
 * lacks its vector is quarantined, because only the model can tell whether it refused the text. A migration retries it.
 */
function classifyPage(
  { changes, quarantined, deleted }: ComparedPage,
  vectors: "copy" | "embed",
): { readonly differing: readonly Finding[]; readonly quarantined: readonly Finding[] } {
  const edited = changes.filter(({ stored }) => isWrittenByService(stored));
  const differences = changes.filter(({ stored }) => !isWrittenByService(stored)).map(({ difference }) => difference);
  const isMissingVector = ({ kind }: Finding) => vectors === "embed" && kind === "vector";
  return {
    differing: [
      ...differences.filter((difference) => !isMissingVector(difference)),
      ...cairnChangeFindings(edited, deleted),
    ],
    quarantined: [
      ...quarantined.map(({ id, reason, detail }) => ({ id, kind: reason, detail })),
      ...differences.filter(isMissingVector).map(({ id }) => ({ id, kind: "not_embedded", detail: NOT_EMBEDDED })),
    ],
  };
}

const NOT_EMBEDDED =
  "The record has text and no vector: the model refused the text, or it was never embedded. cairn migrate tries it again.";
