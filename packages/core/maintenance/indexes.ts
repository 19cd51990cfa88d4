import { sql } from "drizzle-orm";
import { listCollections } from "../collection/get.ts";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { listTenants } from "../tenant/tenant.ts";
import { type BuildOptions, buildStretch, dropIndexes, dropStatement } from "./build.ts";
import { findDue } from "./due.ts";
import { inspectCollection } from "./inspect.ts";
import { withLease } from "./lease.ts";

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

export interface MaintainOptions extends BuildOptions {
  /** Default: every tenant. */
  readonly tenantId?: string;
  /** Name or id of one collection of that tenant. Default: all. */
  readonly collection?: string;
  /** Milliseconds to wait for another process that is at it. Default 0. */
  readonly wait?: number;
  readonly onProgress?: (event: IndexEvent) => void;
}

/**
 * Brings the indexes of collections in line with their rows and settings: closes and indexes long tails, merges small
 * indexes, builds bloated or changed ones anew, drops invalid, superseded and orphaned ones, and those of collections
 * that have become small. Searches and writes go on meanwhile. Safe to break off and to repeat: then it finds nothing
 * to do. Undefined where another process is at it. Throws `not_found`.
 */
export async function maintainIndexes(
  database: Database,
  options: MaintainOptions = {},
): Promise<{ readonly done: readonly IndexEvent[] } | undefined> {
  const held = await withLease(
    database,
    "indexes",
    async (lost) => {
      const signal = options.signal ? AbortSignal.any([options.signal, lost]) : lost;
      const { tenantId, collection } = options;
      const tenants = tenantId ? [tenantId] : (await listTenants(database)).map(({ id }) => id);
      const done: IndexEvent[] = [];
      for (const tenant of tenants) {
        const names = collection
          ? [collection]
          : (await listCollections(database, tenant)).map(({ id }) => id);
        for (const name of names)
          done.push(...(await maintainCollection(database, tenant, name, { ...options, signal })));
      }
      if (!tenantId) await dropOrphans(database, tenants);
      return done;
    },
    options,
  );
  return held && { done: held.result };
}

async function maintainCollection(
  database: Database,
  tenantId: string,
  nameOrId: string,
  options: MaintainOptions,
): Promise<readonly IndexEvent[]> {
  const done: IndexEvent[] = [];
  let newest: number | undefined;
  for (;;) {
    options.signal?.throwIfAborted();
    const inspection = await inspectCollection(database, tenantId, nameOrId);
    newest ??= inspection.openSegment;
    const due = findDue(inspection, options.mostRows);
    if (due.action === "none") return done;
    // What was written since this run began is the next one's: writers may be quicker than builds.
    if (due.action === "build" && due.stretch.last > newest) return done;
    if (due.action === "build" && due.stretch.rows > (options.mostRows ?? due.stretch.rows)) return done;
    const { collection, plan } = inspection;
    const { action, reason } = due;
    const rows = due.action === "build" ? due.stretch.rows : 0;
    const event = { tenantId, collection: collection.name, action, reason, rows };
    options.onProgress?.(event);
    const started = performance.now();
    if (due.action === "drop") await dropIndexes(database, collection, due.indexes);
    else if (plan) await buildStretch(database, collection, plan, due.stretch, options);
    const ended = { ...event, seconds: (performance.now() - started) / 1000 };
    options.onProgress?.(ended);
    done.push(ended);
  }
}

/** Indexes of collections that were deleted: the service, which deletes them, owns no table and cannot drop one. */
async function dropOrphans(database: Database, tenants: readonly string[]): Promise<void> {
  const all = await database.transaction(({ orm }) =>
    selectRows<{ name: string }>(
      orm,
      sql`SELECT relname AS name FROM pg_class
          WHERE relnamespace = 'cairn'::regnamespace AND relkind = 'i' AND relname ~ '^(vector|keyword)_[0-9a-f]{32}_[0-9a-f]{8}$'`,
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
