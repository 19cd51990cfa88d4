import { randomUUID } from "node:crypto";
import type { Database } from "@cairn/core/database/database.ts";
import { decodeJson } from "@cairn/core/database/json.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTestDatabase } from "../../../../../test/support/fixture.ts";
import type { Difference } from "../compare/outcome.ts";
import type { Disagreement } from "./disagreements.ts";
import type { RequestEvent } from "./event.ts";
import { LATENCY_LIMITS, latencyBucket, latencyPercentile } from "./latency.ts";
import { readShadowResults } from "./results.ts";
import { createRequestStatistics } from "./statistics.ts";

const own = useTestDatabase();

async function addTenant(): Promise<string> {
  return (await createTenant(own.database, {})).id;
}

const write = (tenantId: string, overrides: Partial<RequestEvent> = {}) =>
  ({ tenantId, kind: "write", side: "chroma", outcome: "ok", milliseconds: 12, ...overrides }) as RequestEvent;

const read = (tenantId: string, overrides: Partial<RequestEvent> = {}) =>
  ({ tenantId, kind: "query", side: "chroma", outcome: "agreed", milliseconds: 12, ...overrides }) as RequestEvent;

/** The stored counts of all minutes together, and their latencies. */
function storedCounts(tenantId: string) {
  return asAdmin(own.database, ({ orm }) =>
    orm.selectRows<{ key: string; requests: number; latencies: number }>(sql`
      SELECT kind || ' ' || side || ' ' || outcome AS key, sum(requests)::float8 AS requests,
        sum((SELECT sum(n) FROM unnest(latency) AS n))::float8 AS latencies
      FROM cairn.cutover_requests WHERE tenant_id = ${tenantId}::uuid GROUP BY 1 ORDER BY 1`),
  );
}

test("counts of several processes and flushes add up, bucket by bucket", async () => {
  const tenantId = await addTenant();
  const processes = [createRequestStatistics(own.database), createRequestStatistics(own.database)];
  for (const statistics of processes) {
    for (const milliseconds of [0.2, 12, 40_000]) statistics.record(write(tenantId, { milliseconds }));
    statistics.record(write(tenantId, { side: "cairn", outcome: "refused" }));
    await statistics.flush();
    statistics.record(write(tenantId));
  }
  await Promise.all(processes.map((statistics) => statistics.close()));
  expect(await storedCounts(tenantId)).toEqual([
    { key: "write cairn refused", requests: 2, latencies: 2 },
    { key: "write chroma ok", requests: 8, latencies: 8 },
  ]);
});

test("what is recorded is written within the interval", async () => {
  const tenantId = await addTenant();
  const statistics = createRequestStatistics(own.database, { interval: 20 });
  statistics.record(write(tenantId));
  await expect.poll(() => storedCounts(tenantId)).toHaveLength(1);
  await statistics.close();
});

test("statistics of a deleted tenant do not keep others from being written", async () => {
  const tenantId = await addTenant();
  const errors: unknown[] = [];
  const statistics = createRequestStatistics(own.database, { onError: (error) => errors.push(error) });
  const gone = randomUUID();
  statistics.record(write(gone));
  statistics.record(write(tenantId));
  statistics.recordDisagreement(disagreement(gone));
  statistics.recordDisagreement(disagreement(tenantId));
  await statistics.close();
  expect(errors).toEqual([]);
  expect(await storedCounts(tenantId)).toHaveLength(1);
  expect(await storedDisagreements(tenantId)).toHaveLength(1);
});

test("counts and disagreements that cannot be written are written later", async () => {
  const tenantId = await addTenant();
  let isDown = true;
  const database: Database = {
    ...own.database,
    transaction: (work, settings) =>
      isDown ? Promise.reject(new Error("The database is down.")) : own.database.transaction(work, settings),
  };
  const errors: unknown[] = [];
  const statistics = createRequestStatistics(database, { onError: (error) => errors.push(error) });
  statistics.record(write(tenantId));
  statistics.recordDisagreement(disagreement(tenantId));
  await statistics.flush();
  expect(errors).toHaveLength(2);
  statistics.record(write(tenantId));
  isDown = false;
  await statistics.close();
  expect(await storedCounts(tenantId)).toEqual([{ key: "write chroma ok", requests: 2, latencies: 2 }]);
  expect(await storedDisagreements(tenantId)).toHaveLength(1);
});

test("memory is bounded: beyond the limit, counts are left out and only the worst disagreements stay", async () => {
  const tenants = [await addTenant(), await addTenant(), await addTenant()];
  const statistics = createRequestStatistics(own.database, { maxCounts: 2, maxDisagreements: 4 });
  for (const agreement of [0.9, 0.1, 0.5])
    for (const tenantId of tenants) {
      statistics.record(write(tenantId));
      statistics.recordDisagreement(disagreement(tenantId, { agreement }));
    }
  await statistics.close();
  const counts = await Promise.all(tenants.map(storedCounts));
  expect(counts.map(([count]) => count?.requests)).toEqual([3, 3, undefined]);
  const stored = (await Promise.all(tenants.map(storedDisagreements))).flat();
  expect(stored.length).toBeLessThanOrEqual(4);
  expect(stored.filter(({ agreement }) => agreement === 0.1)).not.toEqual([]);
});

test("a tenant with many disagreements does not push out another's, and missed ones not one that differs", async () => {
  const [noisy, quiet] = [await addTenant(), await addTenant()];
  const statistics = createRequestStatistics(own.database, { maxDisagreements: 250 });
  statistics.recordDisagreement(disagreement(quiet, { agreement: 0.9 }));
  for (let at = 0; at < 251; at++) statistics.recordDisagreement(disagreement(noisy, { agreement: 0 }));
  await statistics.close();
  expect(await storedDisagreements(quiet)).toHaveLength(1);
  const small = createRequestStatistics(own.database, { maxDisagreements: 10 });
  small.recordDisagreement(disagreement(quiet, { agreement: 0.95 }));
  for (let at = 0; at < 11; at++) small.recordDisagreement(disagreement(quiet, { agreement: 0, outcome: "missed" }));
  await small.close();
  expect((await storedDisagreements(quiet)).map(({ agreement }) => agreement)).toContain(0.95);
});

test("agreement counts what Chroma's index missed, and neither excluded nor failed nor dropped reads", async () => {
  const tenantId = await addTenant();
  const statistics = createRequestStatistics(own.database);
  const outcomes = { agreed: 6, missed: 2, differed: 2, excluded: 3, failed: 4, dropped: 5 } as const;
  for (const [outcome, count] of Object.entries(outcomes))
    for (let at = 0; at < count; at++) {
      statistics.record(read(tenantId, { outcome } as Partial<RequestEvent>));
      if (outcome !== "dropped") statistics.record(read(tenantId, { outcome, side: "cairn" } as Partial<RequestEvent>));
    }
  statistics.record(write(tenantId, { outcome: "failed" }));
  await statistics.close();
  const results = await readShadowResults(own.database, tenantId, { since: new Date(Date.now() - 60_000) });
  expect(results).toMatchObject({ ...outcomes, compared: 10, agreement: 0.8 });
});

test("percentiles are right to within their bucket", async () => {
  const tenantId = await addTenant();
  const statistics = createRequestStatistics(own.database);
  for (let at = 1; at <= 100; at++) {
    statistics.record(read(tenantId, { milliseconds: at }));
    statistics.record(read(tenantId, { side: "cairn", milliseconds: at / 10 }));
  }
  await statistics.close();
  const { latency } = await readShadowResults(own.database, tenantId, { since: new Date(Date.now() - 60_000) });
  expect(latency.chroma.p50).toBeCloseTo(50, 0);
  expect(latency.chroma.p95).toBeCloseTo(95, 0);
  expect(latency.cairn.p50).toBeCloseTo(5, 0);
  expect(latency.cairn.p95).toBeCloseTo(9.5, 0);
});

test("the buckets reach from half a millisecond to thirty seconds, and a slower request counts as thirty seconds", () => {
  expect(LATENCY_LIMITS).toEqual(LATENCY_LIMITS.toSorted((a, b) => a - b));
  expect([0, 0.5, 0.51, 30_000, 30_001].map(latencyBucket)).toEqual([0, 0, 1, 20, 21]);
  expect(
    latencyPercentile(
      Array.from({ length: 22 }, (_, at) => (at === 21 ? 3 : 0)),
      0.5,
    ),
  ).toBe(30_000);
  expect(latencyPercentile([], 0.5)).toBeNull();
});

function disagreement(tenantId: string, overrides: Partial<Disagreement> = {}): Disagreement {
  return {
    tenantId,
    collectionId: randomUUID(),
    kind: "count",
    outcome: "differed",
    agreement: 0.5,
    difference: { kind: "count", chroma: 2, cairn: 1 },
    ...overrides,
  };
}

function storedDisagreements(tenantId: string) {
  return asAdmin(own.database, ({ orm }) =>
    orm.selectRows<{ agreement: number; detail: string; bytes: number }>(sql`
      SELECT agreement, detail::text AS detail, octet_length(detail::text) AS bytes FROM cairn.cutover_disagreements
      WHERE tenant_id = ${tenantId}::uuid ORDER BY agreement`),
  );
}

test("the hundred worst disagreements of a tenant are kept, over many flushes", async () => {
  const [tenantId, other] = [await addTenant(), await addTenant()];
  const statistics = createRequestStatistics(own.database);
  statistics.recordDisagreement(disagreement(other, { agreement: 0.99 }));
  for (let at = 0; at < 300; at++) {
    statistics.recordDisagreement(disagreement(tenantId, { agreement: ((at * 7) % 300) / 300 }));
    if (at % 60 === 0) await statistics.flush();
  }
  await statistics.close();
  const stored = await storedDisagreements(tenantId);
  expect(stored).toHaveLength(100);
  expect(stored.at(-1)?.agreement).toBeCloseTo(99 / 300);
  expect(await storedDisagreements(other)).toHaveLength(1);
});

test("a read that differs is kept before any that Chroma's index explains", async () => {
  const tenantId = await addTenant();
  const statistics = createRequestStatistics(own.database);
  for (let at = 0; at < 120; at++)
    statistics.recordDisagreement(disagreement(tenantId, { outcome: "missed", agreement: 0 }));
  await statistics.flush();
  statistics.recordDisagreement(disagreement(tenantId, { agreement: 0.9 }));
  await statistics.close();
  const stored = await storedDisagreements(tenantId);
  expect(stored).toHaveLength(100);
  expect(stored.at(-1)?.agreement).toBe(0.9);
});

test("a detail is bounded, says how much was left out, and keeps ids that Postgres cannot store", async () => {
  const tenantId = await addTenant();
  const statistics = createRequestStatistics(own.database);
  const ids = Array.from({ length: 5_000 }, (_, at) => (at === 0 ? "nul\u0000 \ud800" : `${at}`.padEnd(4_000, "🪨")));
  const difference: Difference = { kind: "records", onlyInChroma: ids, onlyInCairn: [], differing: [] };
  statistics.recordDisagreement(disagreement(tenantId, { kind: "get", difference }));
  await statistics.close();
  const [stored] = await storedDisagreements(tenantId);
  expect(stored?.bytes).toBeLessThan(10_000);
  const detail = decodeJson(stored?.detail ?? "{}");
  expect(detail).toMatchObject({ outcome: "differed", kind: "records", counts: { onlyInChroma: 5_000 } });
  expect((detail.onlyInChroma as readonly string[])[0]).toBe("nul\u0000 \ud800");
  expect(detail.onlyInChroma).toHaveLength(20);
  expect((detail.onlyInChroma as readonly string[])[1]).toMatch(/^1(🪨){63}…$/u);
});
