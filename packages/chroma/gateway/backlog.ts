import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "@cairn/core/database/database.ts";
import { ADMIN_SETTINGS } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { sql } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import { sourceOf } from "./phase.ts";
import type { CutoverTenant } from "./tenants.ts";

export interface BacklogOptions {
  /** Recorded ids of a tenant above which its writes wait. Default 100,000. */
  readonly maxIds?: number;
  /** Milliseconds that a write waits. Default 1,000. */
  readonly timeoutMs?: number;
}

/** Back-pressure for writers that are faster than replication. */
export interface Backlog {
  /** Waits while the tenant's replica is far behind. Throws `replica_behind` if it still is after the time limit. */
  admit(tenant: Pick<CutoverTenant, "tenantId" | "name" | "phase" | "settings">): Promise<void>;
}

const MAX_IDS = 100_000;
const TIMEOUT_MS = 1_000;

/** Milliseconds between readings of a tenant that is written. In between, its writers may exceed the limit. */
const READ_MS = 500;

/** Milliseconds between readings while a write waits. */
const PAUSE_MS = 100;

/** Share of the time that readings may take. */
const MAX_READING_SHARE = 0.1;

const MAX_CACHED = 10_000;

interface Reading {
  readonly ids: number;
  /** Whether the replica refuses the oldest change, or is down. Then waiting does not help. */
  readonly failing: boolean;
  /** When it is read again. */
  readonly expires: number;
}

/** Create it once for each process. A write reads nothing: the size of the journal is read in the background. */
export function createBacklog(database: Database, options: BacklogOptions = {}): Backlog {
  const { maxIds = MAX_IDS, timeoutMs = TIMEOUT_MS } = options;
  const readings = new LRUCache<string, Reading>({ max: MAX_CACHED });
  const reading = new Map<string, Promise<Reading>>();

  async function read(tenantId: string): Promise<Reading> {
    const startedAt = performance.now();
    const { ids, failing } = await readBacklog(database, tenantId, maxIds);
    const now = performance.now();
    const found = { ids, failing, expires: now + Math.max(READ_MS, (now - startedAt) / MAX_READING_SHARE) };
    readings.set(tenantId, found);
    return found;
  }

  function readOnce(tenantId: string): Promise<Reading> {
    const running = reading.get(tenantId) ?? read(tenantId).finally(() => reading.delete(tenantId));
    reading.set(tenantId, running);
    return running;
  }

  return {
    async admit(tenant) {
      const { tenantId } = tenant;
      let known = readings.get(tenantId);
      if (!known || performance.now() > known.expires) readOnce(tenantId).catch(() => {}); // a write meets the same error
      const isBehind = () => known !== undefined && known.ids >= maxIds && (!known.failing || tenant.settings.strict);
      for (const deadline = performance.now() + timeoutMs; isBehind(); await sleep(PAUSE_MS)) {
        known = await readOnce(tenantId);
        if (isBehind() && performance.now() > deadline) throw replicaBehind(tenant, maxIds);
      }
    },
  };
}

async function readBacklog(
  database: Database,
  tenantId: string,
  limit: number,
): Promise<Pick<Reading, "ids" | "failing">> {
  const isTenant = sql`tenant_id = ${tenantId}::uuid`;
  const [rows = []] = await database.read(
    [
      sql`
        SELECT coalesce(sum(ids), 0)::float8 AS ids,
               coalesce((SELECT attempts > 0 FROM cairn.changes WHERE ${isTenant} ORDER BY sequence LIMIT 1), false) AS failing
        FROM (SELECT coalesce(cardinality(ids), 1) AS ids FROM cairn.changes WHERE ${isTenant} LIMIT ${limit}) AS recorded`,
    ],
    { settings: ADMIN_SETTINGS },
  );
  return rows[0] as Pick<Reading, "ids" | "failing">;
}

function replicaBehind({ name, phase }: Pick<CutoverTenant, "name" | "phase">, maxIds: number): AppError {
  const replica = sourceOf(phase) === "chroma" ? "Cairn" : "Chroma";
  return new AppError(
    "replica_behind",
    `The write was not applied: ${maxIds.toLocaleString("en")} or more written records of the tenant ${JSON.stringify(name)} have not reached ${replica} yet, because it takes them more slowly than they come. Send the write again later, and send fewer at once.`,
    { retryAfter: 1 },
  );
}
