import type { Phase, Side } from "../phase.ts";
import type { Difference } from "../shadow/compare/outcome.ts";
import type { ReadKind } from "../shadow/read.ts";
import type { WriteOutcome } from "../shadow/statistics/event.ts";
import type { ShadowResults } from "../shadow/statistics/results.ts";
import type { ComparedResult } from "../tenants.ts";

/** The state of a cut-over: every tenant that has left Chroma or is leaving it. Times are ISO 8601 in UTC. */
export interface CutoverReport {
  readonly createdAt: string;
  /** Hours before `createdAt` of which requests are counted. */
  readonly hours: number;
  /** Minutes of one point in a time series. */
  readonly stepMinutes: number;
  /** Those that need attention first. */
  readonly tenants: readonly TenantSummary[];
  /** Of the first tenants, at most 200, in the same order. */
  readonly details: readonly TenantDetail[];
}

/** A tenant in one row. */
export interface TenantSummary {
  readonly tenantId: string;
  readonly name: string;
  readonly phase: Phase;
  readonly since: string;
  readonly reads: ShadowResults;
  readonly writes: readonly WriteCount[];
  readonly journal: Journal;
  /** Findings that are not resolved. */
  readonly openFindings: number;
}

export interface WriteCount {
  readonly side: Side;
  readonly outcome: WriteOutcome;
  readonly requests: number;
}

/** The changes that the replica does not have yet. */
export interface Journal {
  readonly depth: number;
  /** Seconds since the oldest change; null: there is none. */
  readonly oldestSeconds: number | null;
  /** Changes that failed at least once. */
  readonly failing: number;
}

export interface TenantDetail {
  readonly tenantId: string;
  /** Steps with compared reads, in order. */
  readonly series: readonly SeriesPoint[];
  /** Those that are open first, then the newest; at most 50. */
  readonly findings: readonly FindingRow[];
  /** All findings, resolved ones included. */
  readonly findingCount: number;
  /** The newest first; at most 50. */
  readonly events: readonly PhaseEvent[];
  /** The last comparison of all records. */
  readonly comparison: ComparedResult | null;
  /** The worst first; at most 10. */
  readonly disagreements: readonly DisagreementRow[];
  /** All stored ones, at most 100. */
  readonly disagreementCount: number;
}

/** The compared reads of one step. */
export interface SeriesPoint {
  readonly at: string;
  readonly agreed: number;
  readonly missed: number;
  readonly differed: number;
}

export interface FindingRow {
  /** Its name, or its id if it has none. */
  readonly collection: string;
  /** Empty: the collection itself. */
  readonly recordId: string;
  readonly kind: string;
  readonly side: Side;
  readonly detail: string;
  readonly occurrences: number;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly resolvedAt: string | null;
}

export interface PhaseEvent {
  readonly at: string;
  readonly from: string;
  readonly to: string;
  /** Conditions that were not met and overridden. */
  readonly overridden: readonly string[];
}

export interface DisagreementRow {
  readonly at: string;
  readonly collection: string;
  readonly kind: ReadKind;
  readonly agreement: number;
  readonly outcome: "missed" | "differed";
  readonly difference: Difference;
  /** Lengths of the lists of the difference that were shortened, by their names. */
  readonly counts: Readonly<Record<string, number>>;
}
