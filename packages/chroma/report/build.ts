import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { countDocuments } from "@cairn/core/document/count.ts";
import { parseFindingKind } from "../copy/cairn-changes.ts";
import type { Finding, Progress } from "../ledger/collection.ts";
import type { FailedCollection } from "../ledger/failures.ts";
import type { DeletedTarget } from "../plan/earlier-runs.ts";
import type { PlannedCollection, UnmappedCollection } from "../plan/plan.ts";
import type { ChromaPath } from "../protocol/path.ts";
import { labelCollections } from "../source/label.ts";
import type {
  CollectionReport,
  MigrationReport,
  RecordDifferenceKind,
  ReportDifference,
  ReportException,
  SearchReport,
  Verdict,
} from "./report.ts";

/** The outcome for one collection: its target, counts and findings. */
export interface Outcome {
  readonly planned: PlannedCollection;
  readonly target: Collection;
  readonly tenantName: string;
  readonly progress: Progress;
  readonly findings: readonly Finding[];
}

/** What a report needs apart from the outcomes. */
export interface ReportInput {
  readonly kind: MigrationReport["kind"];
  readonly cairnVersion: string;
  readonly sourceUrl: string;
  readonly database: MigrationReport["database"];
  readonly seconds: number;
  readonly runId?: string;
  readonly search: SearchReport | null;
  /** Collections that are not in Cairn, each with the reason. */
  readonly unmapped?: readonly UnmappedCollection[];
  /** Collections that failed alone. */
  readonly failed?: readonly FailedCollection[];
  /** Collections that were migrated earlier and that Chroma no longer has. */
  readonly vanished?: readonly ChromaPath[];
  /** Source collections whose targets were deleted in Cairn. */
  readonly deleted?: readonly DeletedTarget[];
  /** Notices that are not differences. */
  readonly notices?: readonly string[];
}

/** Maximum number of listed differences, and of listed changes made in Cairn. The totals count all of them. */
const MAX_LISTED_DIFFERENCES = 1_000;

const DIFFERENCES: readonly RecordDifferenceKind[] = [
  "missing",
  "extra",
  "deleted",
  "content",
  "metadata",
  "vector",
  "uri",
];

const VANISHED =
  "The collection was migrated earlier, and Chroma no longer has it. Delete it in Cairn too (cairn collections delete), or leave it out with --only.";

/** Builds the report and counts the documents that are in Postgres now. */
export async function buildReport(
  database: Database,
  outcomes: readonly Outcome[],
  input: ReportInput,
): Promise<MigrationReport> {
  const collections: CollectionReport[] = [];
  for (const outcome of outcomes) {
    const { documents } = await countDocuments(database, outcome.target.tenantId, {
      collection: outcome.target.id,
    });
    collections.push(reportCollection(outcome, documents));
  }
  const { sourceUrl, search, unmapped = [], failed = [], vanished = [], deleted = [], notices = [], ...rest } = input;
  const named = [
    ...outcomes.map(({ planned }) => planned.source),
    ...[...unmapped, ...failed, ...deleted].map(({ source }) => source),
  ];
  const label = labelCollections([...named, ...vanished]);
  const exceptions = outcomes.flatMap((outcome) => listExceptions(outcome, label));
  const onOneSide = (kind: ReportDifference["kind"], source: ChromaPath, detail: string) => ({
    collection: label(source),
    id: "",
    kind,
    detail,
  });
  const oneSided: readonly ReportDifference[] = [
    ...failed.map(({ source, detail }) => onOneSide("failed", source, detail)),
    ...unmapped.map(({ source, problem }) => onOneSide("missing", source, problem)),
    ...vanished.map((source) => onOneSide("extra", source, VANISHED)),
    ...deleted.map(({ source, detail }) => ({
      ...onOneSide("deleted", source, detail),
      madeInCairn: true as const,
    })),
  ];
  const differences = [...oneSided, ...outcomes.flatMap((outcome) => listDifferences(outcome, label))];
  const changes = differences.filter(({ madeInCairn }) => madeInCairn);
  const remaining = differences.filter(({ madeInCairn }) => !madeInCairn);
  const sum = (count: (collection: CollectionReport) => number) =>
    collections.reduce((total, collection) => total + count(collection), 0);
  return {
    version: 1,
    ...rest,
    createdAt: new Date().toISOString(),
    source: { url: sourceUrl },
    verdict: oneSided.length > 0 ? "not_identical" : worst(collections.map(({ verdict }) => verdict)),
    passes: collections.reduce((max, { passes }) => Math.max(max, passes), 0),
    totals: {
      tenants: new Set(collections.map(({ target }) => target.tenantId)).size,
      collections: collections.length,
      sourceRecords: sum((collection) => collection.sourceCount),
      targetRecords: sum((collection) => collection.targetCount),
      compared: sum((collection) => collection.compared),
      vectorsCompared: sum((collection) => collection.vectorsExact + collection.vectorsWithinTolerance),
      written: sum((collection) => collection.written),
      exceptions: exceptions.length,
      differences: differences.length,
      failed: failed.length,
      changedInCairn: changes.length,
    },
    collections,
    exceptions,
    notices: [...outcomes.flatMap(({ planned }) => planned.notice ?? []), ...notices],
    differences: [...remaining.slice(0, MAX_LISTED_DIFFERENCES), ...changes.slice(0, MAX_LISTED_DIFFERENCES)],
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
  const kinds = findings.map(({ kind }) => parseFindingKind(kind));
  // Differences of the collection itself are not part of the ledger's state.
  const differs = progress.state === "identical" && kinds.some(({ kind }) => isDifference(kind));
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
      state !== "identical" ? "not_identical" : tally.quarantined > 0 ? "identical_with_exceptions" : "identical",
    differences: countKinds(kinds),
    changedInCairn: countKinds(kinds.filter(({ inCairn }) => inCairn)),
    state,
  };
}

function countKinds(kinds: readonly { readonly kind: string }[]): Record<RecordDifferenceKind, number> {
  const counts = DIFFERENCES.map((counted) => [counted, kinds.filter(({ kind }) => kind === counted).length]);
  return Object.fromEntries(counts) as Record<RecordDifferenceKind, number>;
}

function isDifference(kind: string): kind is RecordDifferenceKind {
  return (DIFFERENCES as readonly string[]).includes(kind);
}

type Label = (source: ChromaPath) => string;

function listExceptions({ planned, findings }: Outcome, label: Label): readonly ReportException[] {
  const collection = label(planned.source);
  return findings.flatMap(({ id, kind, detail }) =>
    isDifference(parseFindingKind(kind).kind) ? [] : [{ collection, id, reason: kind, detail }],
  );
}

function listDifferences({ planned, findings }: Outcome, label: Label): readonly ReportDifference[] {
  const collection = label(planned.source);
  return findings.flatMap(({ id, kind: marked, detail }) => {
    const { kind, inCairn } = parseFindingKind(marked);
    if (!isDifference(kind)) return [];
    return [{ collection, id, kind, detail, ...(inCairn ? { madeInCairn: true as const } : {}) }];
  });
}

function worst(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes("not_identical")) return "not_identical";
  return verdicts.includes("identical_with_exceptions") ? "identical_with_exceptions" : "identical";
}
