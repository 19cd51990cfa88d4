import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
import { getNamespace } from "@cairn/core/tenant/namespace.ts";
import { acquireLease, type Lease, releaseLease, renewLease } from "../../lease/tenant-lease.ts";
import { createRulesCache } from "../../namespace/rules.ts";
import type { Source } from "../../source/source.ts";
import type { ChromaTarget } from "../../target/target.ts";
import { lowerExpiredBarrier } from "../cutover/change-phase.ts";
import { isReplicated } from "../phase.ts";
import type { RequestStatistics } from "../shadow/statistics/statistics.ts";
import { type CutoverTenant, findCutoverTenant } from "../tenants.ts";
import { compareTenant } from "./compare-tenant.ts";
import { drainChanges } from "./drain.ts";
import { type ComparisonTimes, listDueTenants } from "./due-tenants.ts";
import type { Replication } from "./replication.ts";

export interface ReplicatorOptions {
  readonly services: Services;
  /** Opened with the first use, because Chroma may be down when the service starts. */
  readonly openChroma: () => Promise<{ readonly source: Source; readonly target: ChromaTarget }>;
  readonly statistics: Pick<RequestStatistics, "record">;
  /** Milliseconds after which all records of a tenant are compared again. Default an hour. */
  readonly compareMs?: number;
  /** Milliseconds until a write that was sent before the journal began has ended. Default 62,000. */
  readonly settleMs?: number;
  readonly onError: (error: unknown) => void;
}

export interface Replicator {
  /** Replicates the tenant soon. */
  notify(tenantId: string): void;
  /** Ends after the current page of each tenant. */
  close(): Promise<void>;
}

/** Tenants that a process replicates at the same time. */
const MAX_TENANTS = 4;

/** Milliseconds between looks for changes that another process has recorded, or that are due again. */
const POLL_MS = 1_000;

/** Milliseconds after which all records of a tenant are compared again. */
const COMPARE_MS = 3_600_000;

const SETTLE_MS = 62_000;

/** Milliseconds between renewals of a lease. */
const RENEW_MS = 10_000;

/** Replicates all tenants whose phase asks for it, for as long as the process runs. */
export function startReplicator(options: ReplicatorOptions): Replicator {
  const { services, onError, compareMs = COMPARE_MS, settleMs = SETTLE_MS } = options;
  const times = { compareMs, settleMs };
  const rulesOf = createRulesCache();
  const waiting = new Set<string>();
  const running = new Map<string, Promise<void>>();
  let closing = false;

  function schedule(): void {
    for (const tenantId of waiting) {
      if (closing || running.size >= MAX_TENANTS) return;
      if (running.has(tenantId)) continue;
      waiting.delete(tenantId);
      const work = run(tenantId)
        .catch((error: unknown) => {
          if (!(error instanceof AppError && error.code === "run_held")) onError(error);
        })
        .finally(() => {
          running.delete(tenantId);
          schedule();
        });
      running.set(tenantId, work);
    }
  }

  async function run(tenantId: string): Promise<void> {
    const tenant = await findCutoverTenant(services.database, tenantId);
    if (!tenant?.namespaceId || !isReplicated(tenant.phase)) return;
    const lease = await acquireLease(services.database, tenantId);
    if (!lease) return; // the other process looks for changes again within a second
    const renew = createRenewal(services.database, lease);
    // A request to a slow Chroma may take longer than the lease. If it is lost, the next page ends the work.
    const heartbeat = setInterval(() => renew().catch(() => {}), RENEW_MS);
    try {
      await replicate(tenant, lease, renew);
    } finally {
      clearInterval(heartbeat);
      await releaseLease(services.database, lease).catch(onError);
    }
  }

  async function replicate(
    { tenantId, namespaceId = "" }: CutoverTenant,
    lease: Lease,
    renew: () => Promise<void>,
  ): Promise<void> {
    const { database } = services;
    const { source, target } = await options.openChroma();
    const rules = rulesOf(await getNamespace(database, namespaceId));
    const tenant = await findCutoverTenant(database, tenantId); // with the lease, the phase does not change
    if (!tenant || !isReplicated(tenant.phase)) return;
    if (tenant.barrierExpired) await lowerExpiredBarrier(database, tenant);
    const { name: tenantName, phase } = tenant;
    const { statistics } = options;
    const shared = { services, database, source, target, rules, lease, renew, statistics };
    const context = { ...shared, tenantId, tenantName, phase, namespaceId };
    const drain = createDrain(context, () => closing);
    if (tenant.barrier) {
      while ((await drainChanges(context)) > 0);
      return;
    }
    await drain();
    if (isCompareDue(tenant, times))
      await compareTenant(context, { wasIdentical: wasIdentical(tenant, times), beforePage: drain });
    await drain();
  }

  const poll = setInterval(() => {
    listDueTenants(services.database, times)
      .then((tenants) => {
        for (const tenantId of tenants) waiting.add(tenantId);
        schedule();
      })
      .catch(onError);
  }, POLL_MS);
  return {
    notify(tenantId) {
      waiting.add(tenantId);
      schedule();
    },
    async close() {
      closing = true;
      clearInterval(poll);
      await Promise.all(running.values());
    },
  };
}

function createRenewal(database: Database, lease: Lease): () => Promise<void> {
  let renewedAt = performance.now();
  return async () => {
    if (performance.now() - renewedAt < RENEW_MS) return;
    await renewLease(database, lease);
    renewedAt = performance.now();
  };
}

/**
 * Returns a function that replicates what is recorded and renews the lease. It throws `run_held` if the process ends, or if a change of
 * phase waits for the lease.
 */
function createDrain(replication: Replication, isClosing: () => boolean): () => Promise<void> {
  return async () => {
    const { database, tenantId, renew } = replication;
    while ((await drainChanges(replication)) > 0) if (isClosing()) break;
    if (isClosing()) throw new AppError("run_held", "The process ends.");
    if ((await findCutoverTenant(database, tenantId))?.barrier)
      throw new AppError("run_held", "The tenant's phase is being changed.");
    await renew();
  };
}

/** Whether a difference is one that a recorded write does not explain. A write from before the journal may have ended since. */
function wasIdentical({ compared, phase, since }: CutoverTenant, { settleMs }: ComparisonTimes): boolean {
  if (!compared?.identical) return false;
  return phase !== "mirror" || Date.parse(compared.startedAt) >= (since?.getTime() ?? 0) + settleMs;
}

function isCompareDue({ compared, phase, since }: CutoverTenant, { compareMs, settleMs }: ComparisonTimes): boolean {
  if (phase === "chroma") return false;
  if (compared === null || Date.now() - Date.parse(compared.finishedAt) > compareMs) return true;
  const settledAt = (since?.getTime() ?? 0) + settleMs;
  return phase === "mirror" && Date.now() >= settledAt && Date.parse(compared.startedAt) < settledAt;
}
