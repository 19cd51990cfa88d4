import { sql } from "drizzle-orm";
import { beforeEach, expect, test } from "vitest";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { changeCollection } from "../collection/change.ts";
import { createCollection, type NewCollection } from "../collection/create.ts";
import { deleteDocuments } from "../document/delete.ts";
import { ingest } from "../document/ingest.ts";
import { type IndexPlan, indexPlan } from "../index/settings.ts";
import { query } from "../search/query.ts";
import { createTenant, deleteTenant, listTenants } from "../tenant/tenant.ts";
import { runFailure } from "./index-failure.ts";
import { type MaintainOptions, maintainIndexes } from "./indexes.ts";
import { inspectCollection } from "./inspect.ts";
import { collectionStats } from "./stats.ts";

// A collection that cannot be indexed, before another tenant's collection that can.

const own = useTestDatabase();
const { services } = own;
let poisoned: string;
let healthy: string;
beforeEach(async () => {
  for (const { id } of await listTenants(own.database)) await deleteTenant(own.database, id);
  ({ id: poisoned } = await createTenant(own.database, { name: "a poisoned" }));
  ({ id: healthy } = await createTenant(own.database, { name: "b healthy" }));
  await fill(healthy, { dimensions: 4 });
});

/** An element beyond half precision. */
const LARGE = 70_000;

const ROWS = 40;

/** Points on a spiral, in the first of the dimensions. */
function point(n: number, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  vector.set([Math.cos(n), Math.sin(n), n / 50, 1]);
  return vector;
}

async function fill(tenantId: string, space: Partial<NewCollection> & { readonly dimensions: number }) {
  await createCollection(own.database, tenantId, {
    name: "points",
    embeddingModel: null,
    metric: "l2",
    ...space,
    indexSettings: { threshold: 20, ...space.indexSettings },
  });
  const embeddings = Array.from({ length: ROWS }, (_, n) => point(n, space.dimensions));
  await ingest(services, tenantId, {
    collection: "points",
    documents: embeddings.map((embedding, n) => ({ id: `d${n}`, content: `passage ${n}`, embedding })),
  });
}

async function addLarge(dimensions: number) {
  const embedding = point(1, dimensions);
  embedding[0] = LARGE;
  await ingest(services, poisoned, {
    collection: "points",
    documents: [{ id: "large", content: "large", embedding }],
  });
}

/** The vector indexes in use. */
async function serving(tenantId: string) {
  const { indexes } = await inspectCollection(own.database, tenantId, "points");
  return indexes
    .filter(({ kind, state, usable }) => kind === "vector" && state === "valid" && usable)
    .map(({ settings, rows }) => ({ precision: settings.precision, lists: settings.lists, rows }));
}

async function maintain(options: MaintainOptions = {}) {
  const maintained = await maintainIndexes(own.database, options);
  if (!maintained) throw new Error("Another run has the lease.");
  return maintained;
}

const dueOf = async (tenantId: string) => (await collectionStats(own.database, tenantId))[0]?.due;

const nearest = async (n: number, dimensions: number) =>
  (await query(services, poisoned, { collection: "points", embedding: point(n, dimensions), topK: 1 }))[0]?.id;

test("vectors beyond half precision are indexed in full precision, once, and later collections are indexed, too", async () => {
  await fill(poisoned, { dimensions: 4 });
  await addLarge(4);
  const { done, failed } = await maintain();
  expect(failed).toEqual([]);
  expect(done.map(({ tenantId, action, rows }) => [tenantId, action, rows])).toEqual([
    [poisoned, "build", ROWS + 1],
    [healthy, "build", ROWS],
  ]);
  expect(await serving(poisoned)).toMatchObject([{ precision: "vector", rows: ROWS + 1 }]);
  expect(await serving(healthy)).toMatchObject([{ precision: "halfvec", rows: ROWS }]);
  expect(await nearest(7, 4)).toBe("d7");
  expect((await maintain()).done).toEqual([]);
});

test("if no index can hold the vectors, searches are exact, the failure is reported with a remedy, and the build is not retried before it can succeed", async () => {
  const dimensions = 2_001;
  await fill(poisoned, { dimensions });
  await addLarge(dimensions);
  const first = await maintain();
  expect(first.done.map(({ tenantId }) => tenantId)).toEqual([healthy]);
  expect(first.failed).toMatchObject([
    {
      tenant: "a poisoned",
      collection: "points",
      tried: true,
      reason: expect.stringMatching(/65,504.*Scale/),
    },
  ]);
  expect(runFailure(first.failed)?.message).toMatch(/collection "points" of tenant "a poisoned".*searched exactly/);
  expect(await serving(healthy)).toHaveLength(1);
  expect(await serving(poisoned)).toEqual([]);
  expect(await dueOf(poisoned)).toMatchObject({ action: "none", reason: expect.stringContaining("65,504") });
  expect(await nearest(7, dimensions)).toBe("d7");

  await ingest(services, poisoned, {
    collection: "points",
    documents: [{ id: "more", content: "more", embedding: point(99, dimensions) }],
  });
  for (const retryNow of [false, true]) {
    const again = await maintain({ retryNow });
    expect(again).toMatchObject({ done: [], failed: [{ tenant: "a poisoned", tried: false }] });
    expect(runFailure(again.failed)).toBeUndefined();
  }

  await deleteDocuments(own.database, poisoned, { collection: "points", ids: ["large"] });
  expect(await maintain()).toMatchObject({ done: [{ action: "build", rows: ROWS + 1 }], failed: [] });
  expect(await serving(poisoned)).toMatchObject([{ precision: "halfvec", rows: ROWS + 1 }]);
  expect(await dueOf(poisoned)).toEqual({ action: "none" });
});

test("a change of settings retries a failed build", async () => {
  const dimensions = 2_001;
  await fill(poisoned, { dimensions, metric: "cosine", indexSettings: { precision: "halfvec" } });
  await addLarge(dimensions);
  expect((await maintain()).failed).toMatchObject([{ reason: expect.stringContaining('precision to "bit"') }]);
  await changeCollection(own.database, poisoned, "points", {
    indexSettings: { threshold: 20, precision: "bit" },
  });
  expect((await maintain()).failed).toEqual([]);
  expect(await serving(poisoned)).toMatchObject([{ precision: "bit" }]);
});

test("lists are limited by the rows, and such an index is not rebuilt", async () => {
  await fill(poisoned, { dimensions: 4, indexSettings: { type: "ivfflat", lists: 32_768 } });
  expect(await maintain()).toMatchObject({
    done: [{ tenantId: poisoned }, { tenantId: healthy }],
    failed: [],
  });
  expect(await serving(poisoned)).toMatchObject([{ lists: 10, rows: ROWS }]);
  expect(await nearest(7, 4)).toBe("d7");
  expect((await maintain()).done).toEqual([]);
});

test("lists are limited by the memory of the build", async () => {
  await createCollection(own.database, poisoned, {
    name: "points",
    embeddingModel: null,
    dimensions: 4,
    metric: "l2",
    indexSettings: { type: "ivfflat", lists: 500 },
  });
  await ingest(services, poisoned, {
    collection: "points",
    documents: Array.from({ length: 5_000 }, (_, n) => ({
      id: `d${n}`,
      content: null,
      embedding: point(n, 4),
    })),
  });
  expect((await maintain({ memory: 8 })).failed).toEqual([]);
  const [index] = await serving(poisoned);
  expect(index?.lists).toBeGreaterThan(300);
  expect(index?.lists).toBeLessThan(400);
});

test("a build that never ends does not block other collections after its second attempt", async () => {
  await fill(poisoned, { dimensions: 4 });
  for (let run = 0; run < 2; run++) {
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error("out of time"));
    await expect(maintain({ signal: stop.signal, onProgress })).rejects.toThrow("out of time");
    await maintain({ tenantId: poisoned, maxRows: 0 }); // drops what the interrupted build left
  }
  expect(await dueOf(poisoned)).toEqual({
    action: "none",
    reason: "The index build was interrupted. It is retried in 15 minutes.",
  });
  expect((await maintain()).done).toMatchObject([{ tenantId: healthy }]);
});

test("a build that keeps failing is retried after longer and longer delays, or at once with retryNow", async () => {
  await fill(poisoned, { dimensions: 4 });
  const plan = indexPlan({}, { dimensions: 4, metric: "cosine" }) as IndexPlan;
  const { type, precision, m, efConstruction } = plan;
  const fail = (age: string, attempts: number) =>
    own.database.transaction(({ orm }) =>
      orm.execute(sql`
        UPDATE cairn.collections SET index_attempt = jsonb_build_object(
          'first', 0, 'last', 0, 'rows', ${ROWS}::int, 'attempts', ${attempts}::int,
          'begun', now() - ${age}::interval, 'sqlstate', '54000', 'reason', 'No memory.',
          'settings', ${JSON.stringify({ type, precision, m, efConstruction, language: "english" })}::jsonb)
        WHERE tenant_id = ${poisoned}::uuid`),
    );
  await fail("29 minutes", 3);
  expect((await maintain()).done.map(({ tenantId }) => tenantId)).toEqual([healthy]);
  expect(await dueOf(poisoned)).toEqual({
    action: "none",
    reason: "No memory. It is retried in 1 minute.",
  });
  await fail("23 hours", 30);
  expect((await maintain()).failed).toMatchObject([{ tried: false }]);
  await fail("31 minutes", 3);
  expect(await dueOf(poisoned)).toMatchObject({ action: "build" });
  await fail("1 second", 3);
  expect((await maintain({ retryNow: true })).done).toMatchObject([{ tenantId: poisoned, action: "build" }]);
});
