import { createCollection } from "@cairn/core/collection/create.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { collectionStats } from "@cairn/core/maintenance/stats.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../test/support/database.ts";
import { offlineServices } from "../../test/support/services.ts";
import type { Service } from "./compose.ts";
import { runSchedule } from "./schedule.ts";

let own: TestDatabase;
beforeAll(async () => {
  own = await createTestDatabase();
});
afterAll(() => own?.drop());

const failure = vi.fn();

/** What a schedule uses of the service. */
const service = () =>
  ({
    services: offlineServices(own.database),
    queue: { send: () => Promise.resolve() },
    log: { request: () => {}, failure },
  }) as unknown as Service;

async function fill(name: string, dimensions: number, element: number) {
  const tenant = await createTenant(own.database, { name });
  await createCollection(own.database, tenant.id, {
    name: "points",
    embeddingModel: null,
    metric: "l2",
    indexSettings: { threshold: 20 },
  });
  const documents = Array.from({ length: 30 }, (_, n) => ({
    id: `d${n}`,
    content: `passage ${n}`,
    embedding: new Float32Array(dimensions).fill(n === 0 ? element : n),
  }));
  await ingest(offlineServices(own.database), tenant.id, { collection: "points", documents });
  return tenant.id;
}

async function indexesOf(tenantId: string) {
  const [stats] = await collectionStats(own.database, tenantId);
  return stats?.indexes.map(({ kind, state, usable, rows }) => [kind, state, usable, rows]);
}

const INDEXED = [
  ["vector", "valid", true, 30],
  ["keyword", "valid", true, 30],
];

test("the schedule indexes what has grown", async () => {
  const tenant = await fill("grown", 4, 1);
  expect(await runSchedule(service(), 60_000)).toEqual({ ran: true, steps: 1 });
  expect(await indexesOf(tenant)).toEqual(INDEXED);
});

test("one tenant's index that cannot be built fails the run once, with its name, when the others are built", async () => {
  const poisoned = await fill("a poisoned", 2_001, 70_000);
  const healthy = await fill("b healthy", 4, 1);
  await expect(runSchedule(service(), 60_000)).rejects.toMatchObject({
    code: "database_error",
    message: expect.stringMatching(/collection "points" of tenant "a poisoned".*65,504/),
  });
  expect(failure).toHaveBeenCalledWith(
    expect.any(Error),
    expect.objectContaining({ about: "an index", tenant: poisoned }),
  );
  expect(await indexesOf(healthy)).toEqual(INDEXED);
  expect(await indexesOf(poisoned)).toEqual([]);
  expect(await runSchedule(service(), 60_000)).toEqual({ ran: true, steps: 0 });
});
