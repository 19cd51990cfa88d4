import { sql } from "drizzle-orm";
import { listCollections } from "../collection/get.ts";
import type { Database } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError, type ErrorCode } from "../error.ts";
import { listTenants } from "../tenant/tenant.ts";
import { beginAttempt, failAttempt } from "./attempt.ts";
import { type BuildOptions, buildRange } from "./build.ts";
import { createIndexFailure, type IndexFailure } from "./index-failure.ts";
import { type Inspection, inspectCollection } from "./inspect.ts";
import { withLease } from "./lease.ts";
import { findPendingWork, type PendingWork, type PendingWorkOptions } from "./pending-work.ts";
import { dropIndexes, dropStatement } from "./register.ts";
import type { SegmentRange } from "./segment-range.ts";

export interface IndexEvent {
  readonly tenantId: string;
  readonly collection: string;
  readonly action: "build" | "drop";
  readonly reason: string;
  /** Rows of the build. */
  readonly rows: number;
  /** Undefined at the start. */
  readonly seconds?: number;
}

export interface MaintainOptions extends BuildOptions, PendingWorkOptions {
  /** Default: every tenant. */
  readonly tenantId?: string;
  /** Name or id of one collection of that tenant. Default: all. */
  readonly collection?: string;
  /** Milliseconds to wait for another process that maintains indexes. Default 0. */
  readonly wait?: number;
  readonly onProgress?: (event: IndexEvent) => void;
}

export interface MaintenanceResult {
  readonly done: readonly IndexEvent[];
  /** Collections whose maintenance failed. All others are up to date. */
  readonly failed: readonly IndexFailure[];
}

/**
 * Carries out all pending index work: promotes tails, merges small indexes, rebuilds changed or bloated ones, and drops
 * invalid, replaced and orphaned ones, and those of collections that have become small. Searches and writes continue. A failure
 * of one collection does not affect the others. The run can be aborted and repeated. Undefined if another process maintains
 * indexes. Throws `not_found`, and errors of no single collection: `database_unavailable`, `schema_outdated`, `unsafe_role`.
 */
export async function maintainIndexes(
  database: Database,
  options: MaintainOptions = {},
): Promise<MaintenanceResult | undefined> {
  const run = await withLease(
    database,
    "indexes",
    async (leaseLost) => {
      const signal = options.signal ? AbortSignal.any([options.signal, leaseLost]) : leaseLost;
      const { tenantId, collection } = options;
      const tenants = tenantId ? [tenantId] : (await listTenants(database)).map(({ id }) => id);
      const result = collection
        ? await maintainCollection(
            database,
            { tenantId: tenants[0] as string, nameOrId: collection },
            { ...options, signal },
          )
        : await maintainAll(database, tenants, { ...options, signal });
      if (!tenantId) await dropOrphans(database, tenants);
      return result;
    },
    options,
  );
  return run?.result;
}

/** Maintains all collections, one after the other. An unexpected error is thrown after all of them. */
async function maintainAll(
  database: Database,
  tenants: readonly string[],
  options: MaintainOptions,
): Promise<MaintenanceResult> {
  const done: IndexEvent[] = [];
  const failed: IndexFailure[] = [];
  const unexpected: unknown[] = [];
  for (const tenant of tenants)
    for (const collection of await listCollections(database, tenant))
      try {
        const address = { tenantId: tenant, nameOrId: collection.id };
        const result = await maintainCollection(database, address, options);
        done.push(...result.done);
        failed.push(...result.failed);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!(error instanceof AppError)) unexpected.push(error);
        else if (GENERAL_ERRORS.has(error.code)) throw error;
        else if (error.code !== "not_found")
          failed.push(
            await createIndexFailure(database, collection, {
              code: error.code,
              reason: error.message,
              tried: true,
            }),
          );
      }
  if (unexpected.length > 0) throw unexpected[0];
  return { done, failed };
}

/** Errors that would occur for every collection. (`not_found` means that a collection was deleted during the run.) */
const GENERAL_ERRORS: ReadonlySet<ErrorCode> = new Set(["database_unavailable", "schema_outdated", "unsafe_role"]);

async function maintainCollection(
  database: Database,
  { tenantId, nameOrId }: { readonly tenantId: string; readonly nameOrId: string },
  options: MaintainOptions,
): Promise<MaintenanceResult> {
  const done: IndexEvent[] = [];
  let lastSegment: number | undefined;
  for (;;) {
    options.signal?.throwIfAborted();
    const inspection = await inspectCollection(database, tenantId, nameOrId);
    const { collection, openSegment } = inspection;
    const work = findPendingWork(inspection, options);
    lastSegment ??= openSegment;
    if (work.action === "none" && work.reason !== undefined) {
      const waiting = { code: "database_error", reason: work.reason, tried: false } as const;
      return { done, failed: [await createIndexFailure(database, collection, waiting)] };
    }
    if (work.action === "none" || isLeftToOthers(work, lastSegment, options.maxRows)) return { done, failed: [] };
    const { action, reason } = work;
    const rows = action === "build" ? work.range.rows : 0;
    const event = { tenantId, collection: collection.name, action, reason, rows };
    options.onProgress?.(event);
    const startedAt = performance.now();
    if (action === "drop") await dropIndexes(database, collection, work.indexes);
    else {
      const error = await tryBuild(database, inspection, { ...options, range: work.range });
      const failure = error && { code: error.code, reason: error.message, tried: true };
      if (failure) return { done, failed: [await createIndexFailure(database, collection, failure)] };
    }
    const ended = { ...event, seconds: (performance.now() - startedAt) / 1000 };
    options.onProgress?.(ended);
    done.push(ended);
  }
}

/** Rows written since the start are left to the next run, as writers may be faster than builds. Large builds are left to other processes. */
function isLeftToOthers(work: PendingWork, lastSegment: number, maxRows = Number.POSITIVE_INFINITY): boolean {
  return work.action === "build" && (work.range.last > lastSegment || work.range.rows > maxRows);
}

/** Builds a segment range. Returns and records the error of a failed build, so that later runs do not repeat it in vain. */
async function tryBuild(
  database: Database,
  { collection, plan, indexes, attempt }: Inspection,
  { range, ...options }: BuildOptions & { readonly range: SegmentRange },
): Promise<AppError | undefined> {
  if (!plan) return undefined;
  await beginAttempt(database, collection, { plan, range, previous: attempt });
  try {
    await buildRange(database, { collection, plan, range, indexes }, options);
    return undefined;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof AppError)) throw error;
    return failAttempt(database, { collection, plan }, error);
  }
}

/** Drops the indexes of deleted collections. The service that deletes collections owns no table, so it cannot drop indexes. */
async function dropOrphans(database: Database, tenants: readonly string[]): Promise<void> {
  const all = await database.transaction(({ orm }) =>
    orm.selectRows<{ name: string }>(sql`SELECT relname AS name FROM pg_class
          WHERE relnamespace = 'cairn'::regnamespace AND relkind = 'i' AND relname ~ '^(vector|keyword|tail)_[0-9a-f]{32}_[0-9a-f]{8}$'`),
  );
  if (all.length === 0) return;
  const registered = new Set<string>();
  for (const tenant of tenants)
    for (const { name } of await asTenant(database, tenant, ({ orm }) =>
      orm.selectRows<{ name: string }>(
        sql`SELECT name FROM cairn.collection_indexes WHERE tenant_id = ${tenant}::uuid`,
      ),
    ))
      registered.add(name);
  const orphans = all.filter(({ name }) => !registered.has(name));
  await database.maintain(orphans.map(({ name }) => dropStatement(name)));
}
