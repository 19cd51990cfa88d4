import type { Database, Orm } from "@cairn/core/database/database.ts";
import { encodeText } from "@cairn/core/database/text.ts";
import { ADMIN_SETTINGS } from "@cairn/core/database/transaction.ts";
import { parseUuid } from "@cairn/core/tenant/uuid.ts";
import { type SQL, sql } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import type { Phase } from "./phase.ts";

/** Settings of a tenant's cut-over that differ from the defaults. */
export interface CutoverSettings {
  /**
   * Answers a write that Chroma has accepted only when Cairn has it, and with `replica_behind` if that takes too long. Default false:
   * an outage of Cairn is not one of the application.
   */
  readonly strict?: boolean;
  /** Share of the tenant's reads that are compared, 0 to 1. Default: see `createSampler`. */
  readonly sample?: number;
}

/** `finishedAt` of a result after which another comparison was requested. */
export const COMPARISON_REQUESTED = "1970-01-01T00:00:00.000Z";

/** The result of a comparison of all records of a tenant. */
export interface ComparedResult {
  /** ISO 8601. A difference that existed then was found. */
  readonly startedAt: string;
  /** ISO 8601, or `COMPARISON_REQUESTED`. */
  readonly finishedAt: string;
  readonly collections: number;
  readonly records: number;
  /** Records that were copied to the replica, by all passes of the comparison. */
  readonly written: number;
  readonly deleted: number;
  /** Records that one side cannot hold. */
  readonly refused: number;
  /** Records that differed without a recorded write. */
  readonly bypassed: number;
  /** Whether the last pass found no difference. */
  readonly identical: boolean;
}

/** A tenant with its phase. */
export interface CutoverTenant {
  readonly tenantId: string;
  readonly name: string;
  /** Undefined: the tenant has never left Chroma. */
  readonly namespaceId: string | undefined;
  readonly phase: Phase;
  readonly since: Date | undefined;
  /** Whether writes wait for a change of phase. */
  readonly barrier: boolean;
  /** Whether the process that raised a barrier has ended without lowering it. */
  readonly barrierExpired: boolean;
  readonly settings: CutoverSettings;
  readonly compared: ComparedResult | null;
  readonly disabled: boolean;
}

interface Row {
  readonly tenant_id: string;
  readonly name: string;
  readonly namespace_id: string | null;
  readonly phase: Phase;
  readonly since: Date | string | null;
  readonly barrier: boolean;
  readonly barrier_expired: boolean;
  readonly settings: CutoverSettings;
  readonly compared: ComparedResult | null;
  readonly disabled: boolean;
}

/** The tenant with this name or id. Undefined: Cairn does not have it, so it is in Chroma. */
export async function findCutoverTenant(database: Database, nameOrId: string): Promise<CutoverTenant | undefined> {
  const id = parseUuid(nameOrId);
  const isId = id ? sql` OR t.id = ${id}::uuid` : sql``;
  const [found] = await readRows(database, sql`t.name = ${encodeText(nameOrId)}${isId}`);
  return found;
}

/** The tenants that have left Chroma at some time, by name. */
export function listCutoverTenants(database: Database): Promise<readonly CutoverTenant[]> {
  return readRows(database, sql`c.tenant_id IS NOT NULL`);
}

async function readRows(database: Database, condition: SQL): Promise<readonly CutoverTenant[]> {
  const [rows = []] = await database.read([selectTenants(condition)], { settings: ADMIN_SETTINGS, prepare: true });
  return (rows as readonly Row[]).map(toTenant);
}

function selectTenants(condition: SQL): SQL {
  return sql`
    SELECT t.id AS tenant_id, t.name, c.namespace_id, coalesce(c.phase, 'chroma') AS phase, c.since,
           coalesce(c.barrier_until > now(), false) AS barrier,
           coalesce(c.barrier_until <= now(), false) AS barrier_expired, coalesce(c.settings, '{}') AS settings, c.compared,
           t.disabled_at IS NOT NULL AS disabled
    FROM cairn.tenants AS t LEFT JOIN cairn.cutover_tenants AS c ON c.tenant_id = t.id
    WHERE ${condition} ORDER BY t.name`;
}

function toTenant(row: Row): CutoverTenant {
  return {
    tenantId: row.tenant_id,
    name: row.name,
    namespaceId: row.namespace_id ?? undefined,
    phase: row.phase,
    since: row.since === null ? undefined : new Date(row.since),
    barrier: row.barrier,
    barrierExpired: row.barrier_expired,
    settings: row.settings,
    compared: row.compared,
    disabled: row.disabled,
  };
}

/** The tenant's row, locked until the transaction of the administrator ends. `mode`: a change of phase waits for `share`. */
export async function lockCutoverTenant(
  orm: Orm,
  tenantId: string,
  mode: "share" | "update",
): Promise<Pick<CutoverTenant, "phase" | "barrier" | "settings"> | undefined> {
  const [row] = await orm.selectRows<Pick<Row, "phase" | "barrier" | "settings">>(sql`
    SELECT phase, coalesce(barrier_until > now(), false) AS barrier, settings FROM cairn.cutover_tenants
    WHERE tenant_id = ${tenantId}::uuid ${mode === "share" ? sql`FOR SHARE` : sql`FOR UPDATE`}`);
  return row;
}

/** Milliseconds for which reads use a cached phase. */
const CACHE_MS = 500;
const MAX_CACHED = 10_000;

/** Caches the phases of tenants for reads. Writes read them from the database. Create it once for each process. */
export function createTenantCache(database: Database) {
  const cache = new LRUCache<string, { readonly tenant: CutoverTenant | undefined }>({
    max: MAX_CACHED,
    ttl: CACHE_MS,
  });
  const read = async (nameOrId: string) => {
    const tenant = await findCutoverTenant(database, nameOrId);
    cache.set(nameOrId, { tenant });
    return tenant;
  };
  return {
    /** The tenant as it was at most half a second ago. */
    async get(nameOrId: string): Promise<CutoverTenant | undefined> {
      const cached = cache.get(nameOrId);
      return cached ? cached.tenant : read(nameOrId);
    },
    /** The tenant as it is now. */
    read,
  };
}

export type TenantCache = ReturnType<typeof createTenantCache>;
