import { chunkSizes } from "@cairn/core/collection/chunking.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import { textLimit } from "@cairn/core/embedding/text-limit.ts";
import type { Services } from "@cairn/core/services.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import pLimit from "p-limit";
import { compareCollection } from "../copy/compare-collection.ts";
import type { ProgressEvent } from "../copy/context.ts";
import { createFailureJudge } from "../copy/failure.ts";
import { extraFinding, keptFindings } from "../copy/kept.ts";
import { createPageMemory } from "../copy/memory.ts";
import type { ComparedPage, Limit, PageSource } from "../copy/page.ts";
import { createPageSize } from "../copy/page-size.ts";
import { comparedPages } from "../copy/pages.ts";
import { checkSets } from "../copy/sets.ts";
import { isOwn } from "../copy/stored.ts";
import type { Finding, Progress } from "../ledger/collection.ts";
import type { FailedCollection } from "../ledger/failures.ts";
import { addTally, EMPTY_TALLY, type Tally } from "../ledger/tally.ts";
import { findVanished } from "../ledger/vanished.ts";
import type { PlanOptions } from "../plan/options.ts";
import type { PlannedCollection, UnmappedCollection } from "../plan/plan.ts";
import { planSource } from "../plan/plan-source.ts";
import { refuseUnmapped } from "../plan/refuse.ts";
import { buildReport, type Outcome } from "../report/build.ts";
import type { MigrationReport } from "../report/report.ts";
import type { Source } from "../source/source.ts";
import { compareSearches } from "./parity.ts";
import { withProvenMetric } from "./prove-metric.ts";

export interface VerifyOptions extends PlanOptions {
  /** Searches to compare. Default 50; 0: none. */
  readonly queries?: number;
  /** Records a request. Default 300. */
  readonly pageSize?: number;
  /** Requests to Chroma under way at once. Default 2. */
  readonly concurrency?: number;
  readonly databaseName: string;
  readonly cairnVersion: string;
  readonly onProgress?: (event: ProgressEvent) => void;
  readonly signal?: AbortSignal;
}

/**
 * Compares every collection of a Chroma server with its target, both ways, and their searches. Writes nothing on
 * either side, not even in the ledger. A collection that only one side has is a difference, and so is one that cannot be
 * compared by itself. Throws `source_unavailable`.
 */
export async function verify(
  services: Services,
  source: Source,
  options: VerifyOptions,
): Promise<MigrationReport> {
  const started = performance.now();
  await services.database.vectorTypes();
  const { listed, ...plan } = await planSource(source, services, {
    ...options,
    comparing: true,
    discardChanges: false,
  });
  refuseUnmapped(plan);
  const limit = pLimit(options.concurrency ?? 2);
  const { pageSize = PAGE_SIZE, signal } = options;
  const judge = createFailureJudge({ services, source, pageSize, signal }, plan.collections);
  const outcomes: Outcome[] = [];
  const failed: FailedCollection[] = [];
  const unmapped: UnmappedCollection[] = [...plan.unmapped];
  for (const planned of plan.collections)
    if (planned.target) {
      const placed = { ...planned, target: planned.target };
      try {
        outcomes.push(await verifyCollection(services, source, placed, limit, options));
        judge.succeeded(planned);
      } catch (error) {
        failed.push(await judge.judge(planned, error));
      }
    } else unmapped.push({ source: planned.source, problem: notThere(planned), blocking: false });
  const targets = new Set(outcomes.map(({ target }) => target.id));
  const vanished = await findVanished(services.database, {
    source: source.url,
    listed,
    targets,
    scope: options.scope,
    only: options.only,
  });
  const { search, notices } = await compareSearches(
    services,
    source,
    outcomes.map(({ planned, target, progress }) => ({ planned, target, count: progress.tally.seen })),
    { queries: options.queries, judge },
  );
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

/** Records a request. */
const PAGE_SIZE = 300;

/** A planned collection that has its target. */
type Placed = PlannedCollection & { readonly target: Collection };

function notThere({ place }: PlannedCollection): string {
  return `It should be collection ${place.collection} of tenant ${place.tenant}, which does not exist. Run: cairn migrate`;
}

async function verifyCollection(
  services: Services,
  source: Source,
  plan: Placed,
  limit: Limit,
  options: VerifyOptions,
): Promise<Outcome> {
  const started = performance.now();
  const planned = { ...(await withProvenMetric(source, plan)), target: plan.target };
  const from = pageSource(services, source, planned, limit, options);
  const { tally, findings } = await comparePass(from, planned, options);
  const { stable, equal, extras } = await checkSets(from, tally);
  findings.push(...compareCollection(planned, from.target));
  for (const { id, own } of extras) findings.push(extraFinding(id, own));
  if (!stable)
    findings.push({
      id: "",
      kind: "missing",
      detail: "Chroma changed while it was compared. Run it again when it is written to less.",
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
  const tenant = await getTenant(services.database, from.target.tenantId);
  return { planned, target: from.target, tenantName: tenant.name, progress, findings };
}

function pageSource(
  services: Services,
  source: Source,
  planned: Placed,
  limit: Limit,
  options: VerifyOptions,
): PageSource {
  const { target, vectors } = planned;
  return {
    source,
    database: services.database,
    collection: planned.source,
    target,
    rules: {
      vectors,
      metric: target.metric,
      dimensions: target.dimensions,
      chunking: chunkSizes(target.chunking, textLimit(services.embedders, target.embeddingModel)),
    },
    pageSize: options.pageSize ?? PAGE_SIZE,
    ahead: options.concurrency ?? 2,
    limit,
    memory: createPageMemory(),
    pageSizing: createPageSize(options.pageSize ?? PAGE_SIZE),
    fresh: false,
    discardChanges: false,
  };
}

async function comparePass(
  from: PageSource,
  { place }: PlannedCollection,
  options: VerifyOptions,
): Promise<{ readonly tally: Tally; readonly findings: Finding[] }> {
  const total = await from.source.count(from.collection);
  const event = {
    id: from.collection.id,
    collection: from.collection.name,
    tenant: place.tenant,
    phase: "verify",
    pass: 1,
    total,
  } as const;
  let tally = EMPTY_TALLY;
  const findings: Finding[] = [];
  for await (const page of comparedPages(from, 0)) {
    options.signal?.throwIfAborted();
    const { unequal, quarantined } = judgePage(page, from.rules.vectors);
    tally = addTally(tally, { ...page.tally, changed: unequal.length, quarantined: quarantined.length });
    findings.push(...unequal, ...quarantined);
    options.onProgress?.({ ...event, done: page.position });
  }
  options.onProgress?.({ ...event, phase: "done", done: tally.seen, total: tally.seen });
  return { tally, findings };
}

/**
 * What differs, and what is set aside. Where texts are embedded anew, one that only lacks its vector is set aside: the
 * model may have refused it, and nobody but the model can tell. A migration tries it again.
 */
function judgePage(
  { changes, quarantined, deleted }: ComparedPage,
  vectors: "copy" | "embed",
): { readonly unequal: readonly Finding[]; readonly quarantined: readonly Finding[] } {
  const edited = changes.filter(({ stored }) => isOwn(stored));
  const differences = changes.filter(({ stored }) => !isOwn(stored)).map(({ difference }) => difference);
  const lacksVector = ({ kind }: Finding) => vectors === "embed" && kind === "vector";
  return {
    unequal: [
      ...differences.filter((difference) => !lacksVector(difference)),
      ...keptFindings(edited, deleted),
    ],
    quarantined: [
      ...quarantined.map(({ id, reason, detail }) => ({ id, kind: reason, detail })),
      ...differences
        .filter(lacksVector)
        .map(({ id }) => ({ id, kind: "not_embedded", detail: NOT_EMBEDDED })),
    ],
  };
}

const NOT_EMBEDDED =
  "It has text and no vector: the model refused it, or it was never embedded. cairn migrate tries it again.";
