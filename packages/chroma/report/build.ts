import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { countDocuments } from "@cairn/core/document/list.ts";
import { readMark } from "../copy/kept.ts";
import type { Finding, Progress } from "../ledger/collection.ts";
import type { FailedCollection } from "../ledger/failures.ts";
import type { DeletedTarget } from "../plan/earlier.ts";
import type { PlannedCollection, UnmappedCollection } from "../plan/plan.ts";
import { labelCollections, type SourcePath } from "../source/label.ts";
import type {
  CollectionReport,
  MigrationReport,
  RecordDifferenceKind,
  ReportDifference,
  ReportException,
  SearchReport,
  Verdict,
} from "./report.ts";

/** One collection's end: where it went, what was counted, what was found. */
export interface Outcome {
  readonly planned: PlannedCollection;
  readonly target: Collection;
  readonly tenantName: string;
  readonly progress: Progress;
  readonly findings: readonly Finding[];
}

export interface ReportFacts {
  readonly kind: MigrationReport["kind"];
  readonly cairnVersion: string;
  readonly sourceUrl: string;
  readonly database: MigrationReport["database"];
  readonly seconds: number;
  readonly runId?: string;
  readonly search: SearchReport | null;
  /** Collections of Chroma's that are not in Cairn, and why. */
  readonly unmapped?: readonly UnmappedCollection[];
  /** Collections that failed by themselves. */
  readonly failed?: readonly FailedCollection[];
  /** Collections that were taken over once, and that Chroma has no longer. */
  readonly vanished?: readonly SourcePath[];
  /** Collections of Chroma's whose targets were deleted in Cairn. */
  readonly deleted?: readonly DeletedTarget[];
  /** What is not a difference and should be known all the same. */
  readonly notices?: readonly string[];
}

/** Differences that a report lists, and as many changes made in Cairn; its totals count them all. */
const LISTED = 1_000;

const DIFFERENCES: readonly RecordDifferenceKind[] = [
  "missing",
  "extra",
  "deleted",
  "content",
  "metadata",
  "vector",
  "uri",
];

/** Puts the report together, counting what Postgres holds now. */
export async function buildReport(
  database: Database,
  outcomes: readonly Outcome[],
  facts: ReportFacts,
): Promise<MigrationReport> {
  const collections: CollectionReport[] = [];
  for (const outcome of outcomes) {
    const { documents } = await countDocuments(database, outcome.target.tenantId, outcome.target.id);
    collections.push(reportCollection(outcome, documents));
  }
  const {
    sourceUrl,
    search,
    unmapped = [],
    failed = [],
    vanished = [],
    deleted = [],
    notices = [],
    ...rest
  } = facts;
  const named = [
    ...outcomes.map(({ planned }) => planned.source),
    ...[...unmapped, ...failed, ...deleted].map(({ source }) => source),
  ];
  const label = labelCollections([...named, ...vanished]);
  const exceptions = outcomes.flatMap((outcome) => listExceptions(outcome, label));
  const oneSided = [
    ...failed.map(({ source, detail }) => reportFailed(label(source), detail)),
    ...unmapped.map(({ source, problem }) => reportUnmapped(label(source), problem)),
    ...vanished.map((source) => reportVanished(label(source))),
    ...deleted.map(({ source, detail }) => reportDeleted(label(source), detail)),
  ];
  const differences = [...oneSided, ...outcomes.flatMap((outcome) => listDifferences(outcome, label))];
  const changes = differences.filter(({ madeInCairn }) => madeInCairn);
  const others = differences.filter(({ madeInCairn }) => !madeInCairn);
  const sum = (count: (collection: CollectionReport) => number) =>
    collections.reduce((total, one) => total + count(one), 0);
  return {
    version: 1,
    ...rest,
    createdAt: new Date().toISOString(),
    source: { url: sourceUrl },
    verdict: oneSided.length > 0 ? "not_identical" : worst(collections.map(({ verdict }) => verdict)),
    passes: collections.reduce((most, { passes }) => Math.max(most, passes), 0),
    totals: {
      tenants: new Set(collections.map(({ target }) => target.tenantId)).size,
      collections: collections.length,
      sourceRecords: sum((one) => one.sourceCount),
      targetRecords: sum((one) => one.targetCount),
      compared: sum((one) => one.compared),
      vectorsCompared: sum((one) => one.vectorsExact + one.vectorsWithinTolerance),
      written: sum((one) => one.written),
      exceptions: exceptions.length,
      differences: differences.length,
      failed: failed.length,
      changedInCairn: changes.length,
    },
    collections,
    exceptions,
    notices: [...outcomes.flatMap(({ planned }) => planned.notice ?? []), ...notices],
    differences: [...others.slice(0, LISTED), ...changes.slice(0, LISTED)],
    search,
  };
}

function reportCollection(
  { planned, target, tenantName, progress, findings }: Outcome,
  targetCount: number,
): CollectionReport {
  const { source, vectors, why } = planned;
  const { tally } = progress;
  const compared = tally.vectorsExact + tally.vectorsWithinTolerance;
  const found = findings.map(({ kind }) => readMark(kind));
  // What differs in the collection itself is none of the ledger's business.
  const differs = progress.state === "identical" && found.some(({ kind }) => isDifference(kind));
  const state = differs ? "not_identical" : progress.state;
  return {
    source: { tenant: source.tenant, database: source.database, name: source.name, id: source.id },
    target: { tenantId: target.tenantId, tenantName, collection: target.name },
    model: target.embeddingModel,
    dimensions: target.dimensions,
    metric: target.metric,
    vectors,
    why,
    sourceCount: tally.seen,
    targetCount,
    compared: tally.compared,
    vectorsExact: tally.vectorsExact,
    vectorsWithinTolerance: tally.vectorsWithinTolerance,
    maxVectorDifference: compared > 0 ? tally.maxVectorDifference : null,
    written: progress.written,
    passes: progress.pass,
    seconds: progress.seconds,
    verdict:
      state !== "identical"
        ? "not_identical"
        : tally.quarantined > 0
          ? "identical_with_exceptions"
          : "identical",
    differences: countKinds(found),
    changedInCairn: countKinds(found.filter(({ inCairn }) => inCairn)),
    state,
  };
}

function countKinds(found: readonly { readonly kind: string }[]): Record<RecordDifferenceKind, number> {
  const counts = Object.fromEntries(DIFFERENCES.map((kind) => [kind, 0])) as Record<
    RecordDifferenceKind,
    number
  >;
  for (const { kind } of found) if (isDifference(kind)) counts[kind]++;
  return counts;
}

function reportFailed(collection: string, detail: string): ReportDifference {
  return { collection, id: "", kind: "failed", detail };
}

function reportUnmapped(collection: string, detail: string): ReportDifference {
  return { collection, id: "", kind: "missing", detail };
}

function reportVanished(collection: string): ReportDifference {
  const detail =
    "The collection was taken over once, and Chroma has it no longer. Delete it from Cairn as well: cairn collections delete, or leave it out with --only.";
  return { collection, id: "", kind: "extra", detail };
}

function reportDeleted(collection: string, detail: string): ReportDifference {
  return { collection, id: "", kind: "deleted", detail, madeInCairn: true };
}

function isDifference(kind: string): kind is RecordDifferenceKind {
  return (DIFFERENCES as readonly string[]).includes(kind);
}

type Label = (source: SourcePath) => string;

function listExceptions({ planned, findings }: Outcome, label: Label): readonly ReportException[] {
  const collection = label(planned.source);
  return findings.flatMap(({ id, kind, detail }) =>
    isDifference(readMark(kind).kind) ? [] : [{ collection, id, reason: kind, detail }],
  );
}

function listDifferences({ planned, findings }: Outcome, label: Label): readonly ReportDifference[] {
  const collection = label(planned.source);
  return findings.flatMap(({ id, kind: marked, detail }) => {
    const { kind, inCairn } = readMark(marked);
    if (!isDifference(kind)) return [];
    return [{ collection, id, kind, detail, ...(inCairn ? { madeInCairn: true as const } : {}) }];
  });
}

function worst(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes("not_identical")) return "not_identical";
  return verdicts.includes("identical_with_exceptions") ? "identical_with_exceptions" : "identical";
}
