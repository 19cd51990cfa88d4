import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { createCollection } from "../collection/create.ts";
import { ingest } from "../document/ingest.ts";
import { createTenant } from "../tenant/tenant.ts";
import { inspectCollection } from "./inspect.ts";
import { repeatMaintenance } from "./repeat.ts";

let own: TestDatabase;
beforeAll(async () => {
  own = await createTestDatabase();
});
afterAll(() => own?.drop());

/** Milliseconds until what was written is seen to be indexed. */
const SOON = { timeout: 60_000, interval: 200 };

/** A tenth of a second. */
const OFTEN = 0.1 / 60;

async function fill(tenant: string, dimensions: number, element: number) {
  const { id } = await createTenant(own.database, { name: tenant });
  const { id: collection } = await createCollection(own.database, id, {
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
  await ingest(offlineServices(own.database), id, { collection: "points", documents });
  return { id, collection };
}

async function expectIndexed(tenantId: string) {
  const { indexes } = await inspectCollection(own.database, tenantId, "points");
  expect(indexes.map(({ kind, state, usable }) => [kind, state, usable])).toEqual([
    ["vector", "valid", true],
    ["keyword", "valid", true],
  ]);
}

test("what has grown is indexed again and again, and what cannot be is told once, by ids", async () => {
  const poisoned = await fill("a poisoned", 2_001, 70_000);
  const first = await fill("first", 4, 1);
  const onError = vi.fn();
  const stop = repeatMaintenance(own.database, { minutes: OFTEN, onError });
  await vi.waitFor(() => expectIndexed(first.id), SOON);
  const second = await fill("second", 4, 1);
  await vi.waitFor(() => expectIndexed(second.id), SOON);
  await stop();
  expect(onError).toHaveBeenCalledTimes(1);
  expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: "database_error" }), {
    about: "an index",
    tenant: poisoned.id,
    collection: poisoned.collection,
  });
});

test("after its end, and with 0 minutes, nothing is indexed any more", async () => {
  const onError = vi.fn();
  await repeatMaintenance(own.database, { minutes: OFTEN, onError })();
  await repeatMaintenance(own.database, { minutes: 0, onError })();
  const { id } = await fill("late", 4, 1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect((await inspectCollection(own.database, id, "points")).indexes).toEqual([]);
  expect(onError).not.toHaveBeenCalled();
});
