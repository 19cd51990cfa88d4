import { setTimeout as sleep } from "node:timers/promises";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import { afterEach, expect, test } from "vitest";
import { useTestApi } from "../../../../test/support/api.ts";
import { chromaOptions } from "../../../../test/support/chroma-api.ts";
import { useTestDatabase } from "../../../../test/support/fixture.ts";
import { createShadowPair, withoutIds } from "../../../../test/support/shadow-pair.ts";
import type { Answer, ShadowRead } from "./read.ts";
import { createSampler } from "./sample.ts";
import { createShadow, type Shadow, type ShadowOptions } from "./shadow.ts";
import type { RequestEvent } from "./statistics/event.ts";
import { readShadowResults } from "./statistics/results.ts";
import { createRequestStatistics } from "./statistics/statistics.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => chromaOptions());

const ZERO: Answer = { status: 200, body: new TextEncoder().encode("0"), milliseconds: 3 };

/** A `count` that both sides answer with zero. */
function countRead(overrides: Partial<ShadowRead> = {}): ShadowRead {
  return {
    kind: "count",
    body: undefined,
    tenantId: "00000000-0000-4000-8000-000000000001",
    collectionId: "00000000-0000-4000-8000-000000000002",
    chroma: ZERO,
    askCairn: async () => ZERO,
    askChroma: async () => ZERO,
    pendingIds: async () => new Set(),
    ...overrides,
  };
}

const opened: Shadow[] = [];
afterEach(async () => {
  for (const shadow of opened.splice(0)) await shadow.close();
});

/** A shadow whose recorded events are kept. */
function recordingShadow(options: Partial<ShadowOptions> = {}) {
  const events: RequestEvent[] = [];
  const statistics = {
    record: (event: RequestEvent) => void events.push(event),
    recordDisagreement: () => {},
    flush: async () => {},
    close: async () => {},
  };
  const shadow = createShadow({ services: testDatabase.services, statistics, ...options });
  opened.push(shadow);
  const outcomes = (side: "chroma" | "cairn") =>
    events.filter((event) => event.side === side).map(({ outcome }) => outcome as string);
  return { shadow, events, outcomes };
}

const times = (count: number, work: () => void) => Array.from({ length: count }).forEach(work);

test("a read's outcome, both latencies and its disagreement reach the database", async () => {
  const embeddings = [
    [1, 0],
    [0, 1],
    [0.5, 0.5],
  ];
  const pair = await createShadowPair(api, "l2", { ids: ["a", "b", "c"], embeddings, documents: ["x", "secret", "y"] });
  const statistics = createRequestStatistics(testDatabase.database);
  const shadow = createShadow({ services: testDatabase.services, statistics });
  const since = new Date();
  shadow.observe(await pair.read("count"));
  shadow.observe(await pair.read("get", {}, { cairn: withoutIds("b") }));
  shadow.observe(await pair.read("query", { query_embeddings: [[1, 0]], n_results: 2 }, { chroma: withoutIds("a") }));
  await expect.poll(() => readAll(since, statistics, pair.tenantId)).toMatchObject({ compared: 3 });
  await shadow.close();
  const results = await readShadowResults(testDatabase.database, pair.tenantId, { since });
  expect(results).toMatchObject({ compared: 3, agreed: 1, missed: 1, differed: 1, excluded: 0, failed: 0, dropped: 0 });
  expect(results.agreement).toBeCloseTo(2 / 3);
  for (const side of ["chroma", "cairn"] as const) {
    expect(results.latency[side].p50).toBeGreaterThan(0);
    expect(results.latency[side].p95).toBeGreaterThanOrEqual(results.latency[side].p50 ?? 0);
  }
  const later = await readShadowResults(testDatabase.database, pair.tenantId, {
    since: new Date(Date.now() + 120_000),
  });
  expect(later).toMatchObject({ compared: 0, agreement: null, latency: { chroma: { p50: null, p95: null } } });
  await statistics.close();
  const stored = await asAdmin(testDatabase.database, ({ orm }) =>
    orm.selectRows<{ kind: string; text: string }>(sql`
      SELECT kind, collection_id::text || ' ' || detail::text AS text FROM cairn.cutover_disagreements
      WHERE tenant_id = ${pair.tenantId}::uuid ORDER BY kind`),
  );
  expect(stored.map(({ kind }) => kind)).toEqual(["get", "query"]);
  for (const { text } of stored) {
    expect(text).toContain(pair.collectionId);
    expect(text).not.toContain("secret");
  }
});

async function readAll(since: Date, statistics: { flush(): Promise<void> }, tenantId: string) {
  await statistics.flush();
  return readShadowResults(testDatabase.database, tenantId, { since });
}

test("the first hundred reads of a minute are compared, then every tenth, for each tenant", () => {
  let now = 0;
  const isSampled = createSampler(() => now);
  const sampled = (tenantId: string, reads: number) =>
    Array.from({ length: reads }, () => isSampled(tenantId)).filter((chosen) => chosen).length;
  expect(sampled("a", 300)).toBe(120);
  expect(sampled("b", 100)).toBe(100);
  expect(sampled("a", 100)).toBe(10);
  now = 60_000;
  expect(sampled("a", 100)).toBe(100);
});

test("reads that are not sampled are neither compared nor counted", async () => {
  const { shadow, outcomes } = recordingShadow({ limits: { queued: 1_000, queuedPerTenant: 1_000 } });
  times(300, () => shadow.observe(countRead()));
  await shadow.close();
  expect(outcomes("chroma").length).toBeGreaterThanOrEqual(120);
  expect(outcomes("chroma").length).toBeLessThan(300);
});

test("a share of the reads is compared if the tenant's settings say so", async () => {
  const { shadow, outcomes } = recordingShadow({ limits: { queued: 1_000, queuedPerTenant: 1_000 } });
  times(200, () => shadow.observe(countRead({ sample: 0 })));
  times(200, () => shadow.observe(countRead({ sample: 0.05, tenantId: "00000000-0000-4000-8000-000000000003" })));
  await expect.poll(() => outcomes("chroma").length).toBe(10);
});

test("four reads run at once, two of one tenant, and what does not fit is dropped and counted", async () => {
  const { shadow, outcomes } = recordingShadow();
  const gate = Promise.withResolvers<void>();
  let [running, largest] = [0, 0];
  const askCairn = async () => {
    largest = Math.max(largest, ++running);
    await gate.promise;
    running--;
    return ZERO;
  };
  const ofTenant = (last: number) => countRead({ askCairn, tenantId: `00000000-0000-4000-8000-00000000000${last}` });
  times(40, () => shadow.observe(ofTenant(1)));
  expect(outcomes("chroma")).toEqual(Array(15).fill("dropped")); // 25 wait
  await expect.poll(() => running).toBe(2);
  for (const tenant of [2, 3, 4, 5]) times(40, () => shadow.observe(ofTenant(tenant)));
  await expect.poll(() => running).toBe(4);
  expect(outcomes("chroma").length).toBe(200 - 102); // two run and 100 wait
  gate.resolve();
  await expect.poll(() => outcomes("cairn").length).toBe(102);
  expect(largest).toBe(4);
});

test("an answer that is too large is dropped, and so is one that does not fit next to those that wait", async () => {
  const { shadow, outcomes } = recordingShadow();
  const large = (bytes: number) =>
    countRead({ chroma: { ...ZERO, body: new TextEncoder().encode("0".padStart(bytes)) } });
  shadow.observe(large(9 * 1024 * 1024));
  expect(outcomes("chroma")).toEqual(["dropped"]);
  const limited = recordingShadow({ limits: { bytes: 10_000 } });
  for (let round = 0; round < 3; round++) {
    limited.shadow.observe(large(6_000));
    limited.shadow.observe(large(6_000));
    await expect.poll(() => limited.outcomes("cairn").length).toBe(round + 1);
    expect(limited.outcomes("chroma").filter((outcome) => outcome === "dropped")).toHaveLength(round + 1);
  }
});

test("observing neither waits nor throws, whatever the callbacks do", async () => {
  const errors: unknown[] = [];
  const { shadow, outcomes } = recordingShadow({ onError: (error) => errors.push(error) });
  const fail = () => {
    throw new Error("Not reachable.");
  };
  shadow.observe(countRead({ askCairn: fail }));
  shadow.observe(countRead({ pendingIds: fail }));
  shadow.observe(countRead({ chroma: { ...ZERO, body: new TextEncoder().encode("<html>") } }));
  expect(outcomes("chroma")).toEqual([]);
  await expect.poll(() => outcomes("chroma")).toEqual(["failed", "failed", "failed"]);
  expect(errors).toHaveLength(3);
});

test("a read that Cairn does not answer in time fails, is aborted and makes room for the next", async () => {
  const { shadow, outcomes, events } = recordingShadow({ timeout: 50, limits: { running: 1 } });
  let aborted: AbortSignal | undefined;
  const askCairn = (signal: AbortSignal) => {
    aborted = signal;
    return new Promise<Answer>(() => {});
  };
  shadow.observe(countRead({ askCairn }));
  shadow.observe(countRead());
  await expect.poll(() => outcomes("chroma")).toEqual(["failed", "agreed"]);
  expect(aborted?.aborted).toBe(true);
  expect(events.find(({ side }) => side === "cairn")?.milliseconds).toBeGreaterThanOrEqual(49);
});

test("a read that Chroma itself could not answer is not compared", async () => {
  const { shadow, events } = recordingShadow();
  shadow.observe(countRead({ chroma: { ...ZERO, status: 503 } }));
  await sleep(20);
  expect(events).toEqual([]);
});

test("closing waits for the running reads, drops the others and refuses new ones", async () => {
  const { shadow, outcomes } = recordingShadow({ limits: { running: 1 } });
  const gate = Promise.withResolvers<void>();
  let hasStarted = false;
  const askCairn = async () => {
    hasStarted = true;
    await gate.promise;
    return ZERO;
  };
  times(3, () => shadow.observe(countRead({ askCairn })));
  await expect.poll(() => hasStarted).toBe(true);
  const closing = shadow.close();
  gate.resolve();
  await closing;
  expect(outcomes("chroma").toSorted()).toEqual(["agreed", "dropped", "dropped"]);
  shadow.observe(countRead());
  expect(outcomes("chroma").length).toBe(4);
});
