import { sql } from "drizzle-orm";
import { listCollections } from "../collection/get.ts";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError, type ErrorCode } from "../error.ts";
import { listTenants } from "../tenant/tenant.ts";
import { beginAttempt, failAttempt } from "./attempt.ts";
import { type BuildOptions, buildRange } from "./build.ts";
import { type Due, type DueOptions, findDue } from "./due.ts";
import { failureAt, type IndexFailure } from "./index-failure.ts";
import { type Inspection, inspectCollection } from "./inspect.ts";
import { withLease } from "./lease.ts";
import { dropIndexes, dropStatement } from "./register.ts";
import type { SegmentRange } from "./segment-range.ts";

export interface IndexEvent {
  readonly tenantId: string;
  readonly collection: string;
  readonly action: "build" | "drop";
  readonly reason: string;
  /** Rows that an index is built over. */
  readonly rows: number;
  /** Undefined when it begins. */
  readonly seconds?: number;
}

export interface MaintainOptions extends BuildOptions, DueOptions {
  /** Default: every tenant. */
  readonly tenantId?: string;
  /** Name or id of one collection of that tenant. Default: all. */
  readonly collection?: string;
  /** Milliseconds to wait for another process that is at it. Default 0. */
  readonly wait?: number;
  readonly onProgress?: (event: IndexEvent) => void;
}

export interface Maintained {
  readonly done: readonly IndexEvent[];
  /** Collections whose indexes could not be brought in line; the others were. */
  readonly failed: readonly IndexFailure[];
}

/**
 * Brings the indexes of collections in line with their rows and settings: closes and indexes long tails, merges small
 * indexes, builds bloated or changed ones anew, drops invalid, superseded and orphaned ones, and those of collections
 * that have become small. Searches and writes go on meanwhile. What fails at one collection keeps no other from its
 * turn. Safe to break off and to repeat: then it finds nothing to do. Undefined where another process is at it.
 * Throws `not_found`, and what no collection is to blame for: `database_unavailable`, `schema_outdated`, `unsafe_role`.
 */
export async function maintainIndexes(
  database: Database,
  options: MaintainOptions = {},
): Promise<Maintained | undefined> {
  const held = await withLease(
    database,
    "indexes",
    async (lost) => {
      const signal = options.signal ? AbortSignal.any([options.signal, lost]) : lost;
      const { tenantId, collection } = options;
      const tenants = tenantId ? [tenantId] : (await listTenants(database)).map(({ id }) => id);
      const maintained = collection
        ? await maintainCollection(
            database,
            { tenantId: tenants[0] as string, nameOrId: collection },
            { ...options, signal },
          )
        : await maintainAll(database, tenants, { ...options, signal });
      if (!tenantId) await dropOrphans(database, tenants);
      return maintained;
    },
    options,
  );
  return held?.result;
}

/** Everybody's, one after the other. A fault that is nobody's, but the program's own, is thrown when all had their turn. */
async function maintainAll(
  database: Database,
  tenants: readonly string[],
  options: MaintainOptions,
): Promise<Maintained> {
  const done: IndexEvent[] = [];
  const failed: IndexFailure[] = [];
  const faults: unknown[] = [];
  for (const tenant of tenants)
    for (const collection of await listCollections(database, tenant))
      try {
        const which = { tenantId: tenant, nameOrId: collection.id };
        const ended = await maintainCollection(database, which, options);
        done.push(...ended.done);
        failed.push(...ended.failed);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!(error instanceof AppError)) faults.push(error);
        else if (EVERYBODYS.has(error.code)) throw error;
        else if (error.code !== "not_found")
          failed.push(
            await failureAt(database, collection, { code: error.code, reason: error.message, tried: true }),
          );
      }
  if (faults.length > 0) throw faults[0];
  return { done, failed };
}

/** No collection is to blame for these, and none would fare better. `not_found`: it was deleted meanwhile. */
const EVERYBODYS: ReadonlySet<ErrorCode> = new Set([
  "database_unavailable",
  "schema_outdated",
  "unsafe_role",
]);

async function maintainCollection(
  database: Database,
  { tenantId, nameOrId }: { readonly tenantId: string; readonly nameOrId: string },
  options: MaintainOptions,
): Promise<Maintained> {
  const done: IndexEvent[] = [];
  let newest: number | undefined;
  for (;;) {
    options.signal?.throwIfAborted();
    const inspection = await inspectCollection(database, tenantId, nameOrId);
    const { collection, openSegment } = inspection;
    const due = findDue(inspection, options);
    newest ??= openSegment;
    if (due.action === "none" && due.reason !== undefined) {
      const waiting = { code: "database_error", reason: due.reason, tried: false } as const;
      return { done, failed: [await failureAt(database, collection, waiting)] };
    }
    if (due.action === "none" || isOthers(due, newest, options.maxRows)) return { done, failed: [] };
    const { action, reason } = due;
    const rows = action === "build" ? due.range.rows : 0;
    const event = { tenantId, collection: collection.name, action, reason, rows };
    options.onProgress?.(event);
    const started = performance.now();
    if (action === "drop") await dropIndexes(database, collection, due.indexes);
    else {
      const error = await tryBuild(database, inspection, { ...options, range: due.range });
      const failure = error && { code: error.code, reason: error.message, tried: true };
      if (failure) return { done, failed: [await failureAt(database, collection, failure)] };
    }
    const ended = { ...event, seconds: (performance.now() - started) / 1000 };
    options.onProgress?.(ended);
    done.push(ended);
  }
}

/** What was written since this run began is the next one's, as writers may be quicker than builds; what is too large is another's. */
function isOthers(due: Due, newest: number, maxRows = Number.POSITIVE_INFINITY): boolean {
  return due.action === "build" && (due.range.last > newest || due.range.rows > maxRows);
}

/** Builds, and returns why where that fails: it is written down, so that nobody tries in vain again and again. */
async function tryBuild(
  database: Database,
  { collection, plan, indexes, attempt }: Inspection,
  { range, ...options }: BuildOptions & { readonly range: SegmentRange },
): Promise<AppError | undefined> {
  if (!plan) return undefined;
  await beginAttempt(database, collection, { plan, range, before: attempt });
  try {
    await buildRange(database, { collection, plan, range, indexes }, options);
    return undefined;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof AppError)) throw error;
    return failAttempt(database, { collection, plan }, error);
  }
}

/** Indexes of collections that were deleted: the service, which deletes them, owns no table and cannot drop one. */
async function dropOrphans(database: Database, tenants: readonly string[]): Promise<void> {
  const all = await database.transaction(({ orm }) =>
    selectRows<{ name: string }>(
      orm,
      sql`SELECT relname AS name FROM pg_class
          WHERE relnamespace = 'cairn'::regnamespace AND relkind = 'i' AND relname ~ '^(vector|keyword|tail)_[0-9a-f]{32}_[0-9a-f]{8}$'`,
    ),
  );
  if (all.length === 0) return;
  const known = new Set<string>();
  for (const tenant of tenants)
    for (const { name } of await asTenant(database, tenant, ({ orm }) =>
      selectRows<{ name: string }>(
        orm,
        sql`SELECT name FROM cairn.collection_indexes WHERE tenant_id = ${tenant}::uuid`,
      ),
    ))
      known.add(name);
  await database.maintain(all.filter(({ name }) => !known.has(name)).map(({ name }) => dropStatement(name)));
}
