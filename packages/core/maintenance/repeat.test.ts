import { expect, test, vi } from "vitest";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { addPoints, UNINDEXABLE } from "../../../test/support/points.ts";
import { inspectCollection } from "./inspect.ts";
import { repeatMaintenance } from "./repeat.ts";

const own = useTestDatabase();

/** Milliseconds until written rows are indexed. */
const SOON = { timeout: 60_000, interval: 200 };

/** A tenth of a second, in minutes. */
const INTERVAL_MINUTES = 0.1 / 60;

async function expectIndexed(tenantId: string) {
  const { indexes } = await inspectCollection(own.database, tenantId, "points");
  expect(indexes.map(({ kind, state, usable }) => [kind, state, usable])).toEqual([
    ["vector", "valid", true],
    ["keyword", "valid", true],
  ]);
}

test("each run indexes collections that have grown, and a failure is logged once, by ids", async () => {
  const poisoned = await addPoints(own.database, "a poisoned", UNINDEXABLE);
  const first = await addPoints(own.database, "first");
  const onError = vi.fn();
  const stop = repeatMaintenance(own.database, { minutes: INTERVAL_MINUTES, onError });
  await vi.waitFor(() => expectIndexed(first.id), SOON);
  const second = await addPoints(own.database, "second");
  await vi.waitFor(() => expectIndexed(second.id), SOON);
  await stop();
  expect(onError).toHaveBeenCalledTimes(1);
  expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: "database_error" }), {
    about: "an index",
    tenant: poisoned.id,
    collection: poisoned.collection,
  });
});

test("nothing is indexed after the end, or with an interval of 0", async () => {
  const onError = vi.fn();
  await repeatMaintenance(own.database, { minutes: INTERVAL_MINUTES, onError })();
  await repeatMaintenance(own.database, { minutes: 0, onError })();
  const { id } = await addPoints(own.database, "late");
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect((await inspectCollection(own.database, id, "points")).indexes).toEqual([]);
  expect(onError).not.toHaveBeenCalled();
});
