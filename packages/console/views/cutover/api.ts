import { call } from "../../request/call.ts";

export const PHASES = ["chroma", "mirror", "shadow", "cairn", "done"] as const;

export type Phase = (typeof PHASES)[number];

export type Side = "chroma" | "cairn";

interface Compared {
  readonly started_at: string;
  /** 1970-01-01T00:00:00.000Z: another comparison was requested and has not ended. */
  readonly finished_at: string;
  readonly collections: number;
  readonly records: number;
  readonly written: number;
  readonly deleted: number;
  readonly refused: number;
  readonly bypassed: number;
  readonly identical: boolean;
}

export interface Settings {
  readonly strict?: boolean;
  readonly sample?: number;
}

/** A tenant in the list. */
export interface CutoverSummary {
  readonly tenant: { readonly id: string; readonly name: string };
  readonly phase: Phase;
  readonly since: string;
  readonly settings: Settings;
  readonly journal: { readonly changes: number; readonly failing: number; readonly oldest_seconds: number | null };
  readonly compared: Compared | null;
  readonly findings: number;
  readonly reads: { readonly compared: number; readonly agreement: number | null };
  readonly next: Phase | null;
}

export interface Condition {
  readonly name: string;
  readonly met: boolean;
  readonly detail: string;
}

interface Percentiles {
  readonly p50: number | null;
  readonly p95: number | null;
}

/** The compared reads of the phase. Latencies are milliseconds. */
export interface Reads {
  readonly compared: number;
  readonly agreed: number;
  readonly missed: number;
  readonly differed: number;
  readonly excluded: number;
  readonly failed: number;
  readonly dropped: number;
  readonly agreement: number | null;
  readonly latency: Readonly<Record<Side, Percentiles>>;
}

/** Where a tenant is, and what the next phase requires. */
export interface CutoverStatus extends Omit<CutoverSummary, "since" | "findings" | "reads" | "next" | "journal"> {
  readonly since: string | null;
  readonly journal: CutoverSummary["journal"] & { readonly in_flight: number; readonly failure: string | null };
  readonly findings: Readonly<Record<string, number>>;
  readonly reads: Reads;
  readonly next: { readonly phase: Phase; readonly conditions: readonly Condition[] } | null;
}

export interface Finding {
  readonly collection: string;
  /** Empty: the collection itself. */
  readonly record_id: string;
  readonly kind: string;
  readonly side: Side;
  readonly detail: string;
  readonly occurrences: number;
  readonly last_at: string;
  readonly resolved_at: string | null;
}

export interface Disagreement {
  readonly at: string;
  readonly collection: string;
  readonly kind: "get" | "count" | "query";
  readonly agreement: number;
  readonly outcome: "missed" | "differed";
  readonly difference: Readonly<Record<string, unknown>>;
}

export interface SeriesPoint {
  readonly at: string;
  readonly agreed: number;
  readonly missed: number;
  readonly differed: number;
}

export interface CutoverReport {
  readonly hours: number;
  readonly step_minutes: number;
  readonly created_at: string;
  readonly series: readonly SeriesPoint[];
  readonly findings: readonly Finding[];
  readonly finding_count: number;
  readonly events: readonly {
    readonly at: string;
    readonly from: string;
    readonly to: string;
    readonly overridden: readonly string[];
  }[];
  readonly disagreements: readonly Disagreement[];
  readonly disagreement_count: number;
}

export interface Namespace {
  readonly id: string;
  readonly name: string;
}

export interface AdvanceRequest {
  readonly namespace?: string;
  readonly to?: Phase;
  readonly force?: boolean;
}

const pathOf = (tenant: string) => `/v1/cutover/${encodeURIComponent(tenant)}`;

export async function listCutover(): Promise<readonly CutoverSummary[]> {
  return (await call<{ tenants: readonly CutoverSummary[] }>("/v1/cutover")).tenants;
}

export function getCutover(tenant: string): Promise<CutoverStatus> {
  return call(pathOf(tenant));
}

export function getCutoverReport(tenant: string): Promise<CutoverReport> {
  return call(`${pathOf(tenant)}/report?format=json`);
}

export async function listNamespaces(): Promise<readonly Namespace[]> {
  return (await call<{ namespaces: readonly Namespace[] }>("/v1/namespaces")).namespaces;
}

export function advance(tenant: string, request: AdvanceRequest): Promise<CutoverStatus> {
  return call(`${pathOf(tenant)}/advance`, { body: request });
}

export function goBack(tenant: string, request: Pick<AdvanceRequest, "to" | "force">): Promise<CutoverStatus> {
  return call(`${pathOf(tenant)}/back`, { body: request });
}

export function requestComparison(tenant: string): Promise<CutoverStatus> {
  return call(`${pathOf(tenant)}/compare`, { method: "POST" });
}

/** Null: the default again. */
export function changeSettings(
  tenant: string,
  settings: { readonly strict: boolean | null; readonly sample: number | null },
): Promise<CutoverStatus> {
  return call(`${pathOf(tenant)}/settings`, { method: "PATCH", body: settings });
}

/** Whether a comparison of all records was requested and has not ended. */
export function isComparing(compared: Compared | null): boolean {
  return compared?.finished_at.startsWith("1970-") ?? false;
}
