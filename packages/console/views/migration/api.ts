import { call } from "../../request/call.ts";
import type { Job } from "../../request/follow-job.ts";

export type Verdict = "identical" | "identical_with_exceptions" | "not_identical";

/** A migration, or the dry run of one. */
export interface Migration extends Job {
  readonly dry_run: boolean;
  readonly verdict: Verdict | null;
}

export interface CollectionProgress {
  readonly id: string;
  readonly collection: string;
  /** Empty in a dry run. */
  readonly tenant: string;
  readonly phase: "copy" | "verify" | "done" | "index" | "failed";
  readonly pass: number;
  readonly done: number;
  readonly total: number;
  readonly detail: string | null;
}

export interface MigrationList {
  readonly source: { readonly url: string } | null;
  readonly migrations: readonly Migration[];
}

/** A target by source collection, as a mapping file has it. Null: the collection is left out. */
export type Mapping = Readonly<Record<string, { readonly tenant: string; readonly collection: string } | null>>;

/** What a migration is started with. */
export interface MigrationOptions {
  readonly pattern?: string;
  readonly tenant?: string;
  readonly mapping?: Mapping;
  readonly only?: readonly string[];
  readonly chroma_tenants?: readonly string[];
  readonly chroma_databases?: readonly string[];
  readonly re_embed?: "auto" | "always" | "never";
  readonly model?: string;
  readonly source_model?: string;
  readonly prune?: boolean;
  readonly discard_changes?: boolean;
  readonly queries?: number;
}

interface SourceCollection {
  readonly tenant: string;
  readonly database: string;
  readonly name: string;
  readonly id: string;
}

export interface PlannedCollection {
  readonly source: SourceCollection;
  readonly target: { readonly tenant: string; readonly collection: string; readonly exists: boolean };
  readonly dimensions: number | null;
  readonly metric: string;
  readonly model: string | null;
  readonly vectors: "copy" | "embed";
  readonly why: string;
  readonly count: number;
  readonly nullDocuments: number;
  readonly oddMetadata: number;
  readonly quarantined: Readonly<Record<string, number>>;
  readonly unreadable: readonly string[];
  readonly unreadableCount: number;
  readonly bytes: number;
  readonly seconds: number;
}

export interface Plan {
  readonly collections: readonly PlannedCollection[];
  readonly unmapped: readonly {
    readonly source: SourceCollection;
    readonly problem: string;
    readonly blocking: boolean;
  }[];
  readonly leftOut: readonly string[];
  readonly failed: readonly { readonly collection: string; readonly detail: string }[];
  readonly deletedInCairn: readonly { readonly collection: string; readonly detail: string }[];
  readonly notices: readonly string[];
  readonly proposal: { readonly mapping: Mapping; readonly reasons: readonly string[] } | null;
  readonly options: MigrationOptions;
}

export interface CollectionResult {
  readonly source: SourceCollection;
  readonly target: { readonly tenantName: string; readonly collection: string };
  readonly vectors: "copy" | "embed";
  readonly sourceCount: number;
  readonly targetCount: number;
  readonly compared: number;
  readonly written: number;
  readonly seconds: number;
  readonly verdict: Verdict;
  readonly differences: Readonly<Record<string, number>>;
}

export interface Report {
  readonly verdict: Verdict;
  readonly seconds: number;
  readonly totals: {
    readonly tenants: number;
    readonly collections: number;
    readonly sourceRecords: number;
    readonly targetRecords: number;
    readonly compared: number;
    readonly written: number;
    readonly exceptions: number;
    readonly differences: number;
    readonly failed?: number;
    readonly changedInCairn?: number;
  };
  readonly collections: readonly CollectionResult[];
  readonly differences: readonly {
    readonly collection: string;
    readonly id: string;
    readonly kind: string;
    readonly detail: string;
  }[];
  readonly search: { readonly queries: number; readonly topK: number; readonly meanOverlapWithChroma: number } | null;
}

export function listMigrations(): Promise<MigrationList> {
  return call("/v1/migrations");
}

export function getMigration(id: string): Promise<Migration & { readonly progress: readonly CollectionProgress[] }> {
  return call(`/v1/migrations/${id}`);
}

/** The report of a migration, or the plan of a dry run. */
export function getReport<T extends Report | Plan>(id: string): Promise<T> {
  return call(`/v1/migrations/${id}/report`);
}

export function startMigration(options: MigrationOptions, { isDryRun }: { readonly isDryRun: boolean }): Promise<Job> {
  return call("/v1/migrations", { body: isDryRun ? { ...options, dry_run: true } : options });
}

export function cancelMigration(id: string): Promise<Job> {
  return call(`/v1/jobs/${id}/cancel`, { method: "POST" });
}
