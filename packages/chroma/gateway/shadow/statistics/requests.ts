import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { RequestEvent } from "./event.ts";
import { addLatency, emptyLatency, latencyBucket } from "./latency.ts";

/** Rows of one statement. */
const PAGE = 1_000;

/** Requests of one kind and outcome in one minute. */
interface RequestCount extends Pick<RequestEvent, "tenantId" | "kind" | "side" | "outcome"> {
  /** Start of the minute, in milliseconds since 1970. */
  readonly minute: number;
  requests: number;
  latency: number[];
}

/** Counts requests in memory, and adds the counts to those of other processes in `cairn.cutover_requests`. */
export function createRequestBuffer(database: Database, maxCounts: number) {
  let counts = new Map<string, RequestCount>();

  function countOf(event: Pick<RequestCount, "tenantId" | "minute" | "kind" | "side" | "outcome">) {
    const { tenantId, minute, kind, side, outcome } = event;
    const key = `${tenantId} ${minute} ${kind} ${side} ${outcome}`;
    const known = counts.get(key);
    if (known || counts.size >= maxCounts) return known;
    const count: RequestCount = { tenantId, minute, kind, side, outcome, requests: 0, latency: emptyLatency() };
    counts.set(key, count);
    return count;
  }

  return {
    add(event: RequestEvent): void {
      const count = countOf({ ...event, minute: Math.floor(Date.now() / 60_000) * 60_000 });
      if (!count) return; // the database has not answered for long
      const bucket = latencyBucket(event.milliseconds);
      count.requests++;
      count.latency[bucket] = (count.latency[bucket] ?? 0) + 1;
    },
    /** Adds the counts to the database. If that fails, they are kept for the next time. */
    async flush(): Promise<void> {
      const pending = [...counts.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, count]) => count);
      counts = new Map();
      for (let start = 0; start < pending.length; start += PAGE)
        try {
          await addCounts(database, pending.slice(start, start + PAGE));
        } catch (error) {
          for (const { requests, latency, ...key } of pending.slice(start)) {
            const count = countOf(key);
            if (!count) break;
            count.requests += requests;
            count.latency = addLatency(count.latency, latency);
          }
          throw error;
        }
    },
  };
}

/** Always in the same order, so that two processes do not wait for each other. Counts of deleted tenants are left out. */
async function addCounts(database: Database, counts: readonly RequestCount[]): Promise<void> {
  const rows = counts.map(({ tenantId, minute, ...rest }) => ({
    tenant_id: tenantId,
    minute: new Date(minute).toISOString(),
    ...rest,
  }));
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      INSERT INTO cairn.cutover_requests AS stored (tenant_id, minute, kind, side, outcome, requests, latency)
      SELECT r.tenant_id, minute, kind, side, outcome, requests, latency
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        AS r (tenant_id uuid, minute timestamptz, kind text, side text, outcome text, requests bigint, latency bigint[])
      WHERE EXISTS (SELECT FROM cairn.tenants AS t WHERE t.id = r.tenant_id)
      ORDER BY r.tenant_id, minute, kind, side, outcome
      ON CONFLICT (tenant_id, minute, kind, side, outcome) DO UPDATE SET
        requests = stored.requests + excluded.requests,
        latency = (SELECT array_agg(coalesce(a, 0) + coalesce(b, 0) ORDER BY at)
                   FROM unnest(stored.latency, excluded.latency) WITH ORDINALITY AS bucket (a, b, at))`),
  );
}
