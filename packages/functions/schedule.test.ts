import { collectionStats } from "@cairn/core/maintenance/stats.ts";
import { expect, test, vi } from "vitest";
import { useTestDatabase } from "../../test/support/fixture.ts";
import { addPoints, UNINDEXABLE } from "../../test/support/points.ts";
import type { Service } from "./compose.ts";
import { runSchedule } from "./schedule.ts";

const testDatabase = useTestDatabase();

const failure = vi.fn();

/** The parts of the service that the schedule uses. */
const service = () =>
  ({
    services: testDatabase.services,
    queue: { send: () => Promise.resolve() },
    log: { request: () => {}, failure },
  }) as unknown as Service;

async function indexesOf(tenantId: string) {
  const [stats] = await collectionStats(testDatabase.database, tenantId);
  return stats?.indexes.map(({ kind, state, usable, rows }) => [kind, state, usable, rows]);
}

const INDEXED = [
  ["vector", "valid", true, 30],
  ["keyword", "valid", true, 30],
];

test("the schedule indexes a collection that has grown past its threshold", async () => {
  const { id: tenant } = await addPoints(testDatabase.database, "grown");
  expect(await runSchedule(service(), 60_000)).toEqual({ ran: true, steps: 1 });
  expect(await indexesOf(tenant)).toEqual(INDEXED);
});

test("an index that cannot be built fails the run once, with the tenant's name, after the other indexes are built", async () => {
  const { id: poisoned } = await addPoints(testDatabase.database, "a poisoned", UNINDEXABLE);
  const { id: healthy } = await addPoints(testDatabase.database, "b healthy");
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
