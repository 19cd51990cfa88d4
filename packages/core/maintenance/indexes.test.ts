import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { maintainedCollectionsOf, THRESHOLD } from "../../../test/support/maintained-collections.ts";
import { changeCollection, deleteCollection } from "../collection/change.ts";
import { selectRows } from "../database/rows.ts";
import { asAdmin } from "../database/transaction.ts";
import { maintainIndexes } from "./indexes.ts";
import { collectionStats } from "./stats.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);
const { add, asOwner, expectFindable, fill, findMissed, indexesOf, inspect, maintain } = maintainedCollectionsOf(
  own,
  tenantId,
);

/** The collection's indexes in the catalogue. */
const catalogue = async (id: string) =>
  own.database.transaction(({ orm }) =>
    selectRows<{ name: string }>(
      orm,
      sql`SELECT relname AS name FROM pg_class WHERE relname LIKE ${`%${id.replaceAll("-", "")}%`}`,
    ),
  );

test("an invalid index is dropped and built again, and searches are exact until then", async () => {
  await fill("invalid", 150);
  expect(await maintain("invalid")).toEqual([["build", 150]]);
  const [index] = (await inspect("invalid")).indexes;
  await asOwner(sql`UPDATE pg_index SET indisvalid = false WHERE indexrelid = ${`cairn.${index?.name}`}::regclass`);
  expect((await indexesOf("invalid"))[0]).toMatchObject({ usable: false });
  await expectFindable("invalid", 0, 150);
  expect(await maintain("invalid")).toEqual([
    ["drop", 0],
    ["build", 150],
    ["drop", 0], // the keyword index that was built with the old index
  ]);
  expect(await indexesOf("invalid")).toEqual([{ first: 0, last: 1, state: "valid", usable: true }]);
  expect(await maintain("invalid")).toEqual([]);
});

test("the next run drops the indexes of an interrupted build", async () => {
  await fill("broken", 50);
  const { collection } = await inspect("broken");
  const name = `vector_${collection.id.replaceAll("-", "")}_00000000`;
  await asOwner(sql.raw(`CREATE INDEX ${name} ON cairn.documents_00 (id)`));
  await asOwner(sql`INSERT INTO cairn.collection_indexes
    (tenant_id, collection_id, name, kind, first_segment, last_segment, settings, state, rows)
    VALUES (${tenantId}::uuid, ${collection.id}::uuid, ${name}, 'vector', 0, 0, '{}', 'building', 50)`);
  expect(await maintain("broken")).toEqual([["drop", 0]]);
  expect(await catalogue(collection.id)).toEqual([]);
  expect(await indexesOf("broken")).toEqual([]);
});

test("ten tails of one threshold each never lead to more than three indexes, and every document is found", async () => {
  await fill("growing", 0);
  for (let round = 0; round < 10; round++) {
    await add("growing", round * THRESHOLD, (round + 1) * THRESHOLD);
    await maintain("growing");
    const serving = await indexesOf("growing");
    expect(serving.length).toBeLessThanOrEqual(3);
    expect(serving.at(-1)?.last).toBe(round);
    expect(serving.every(({ state, usable }) => state === "valid" && usable)).toBe(true);
  }
  await expectFindable("growing", 0, 1_000);
  const stats = (await collectionStats(own.database, tenantId)).find(({ collection }) => collection === "growing");
  expect(stats).toMatchObject({
    documents: 1_000,
    tail: 0,
    due: { action: "none" },
    latency: { searches: 143 },
  });
});

test("a gap between two indexes is indexed again", async () => {
  await fill("gap", 1_000);
  await maintain("gap");
  await add("gap", 1_000, 1_100);
  await maintain("gap");
  expect(await indexesOf("gap")).toHaveLength(2);
  const { collection } = await inspect("gap");
  await asOwner(
    sql`DELETE FROM cairn.collection_indexes WHERE collection_id = ${collection.id}::uuid AND first_segment = 0`,
  );
  await changeCollection(own.database, tenantId, "gap", { metadata: {} }); // invalidates cached search targets
  await expectFindable("gap", 0, 1_100);
  expect(await maintain("gap")).toEqual([["build", 1_000]]);
  expect(await indexesOf("gap")).toHaveLength(2);
});

test("the indexes of deleted collections are dropped", async () => {
  await fill("deleted", 120);
  await maintain("deleted");
  const { collection } = await inspect("deleted");
  expect(await catalogue(collection.id)).toHaveLength(2);
  await deleteCollection(own.database, tenantId, "deleted");
  await maintainIndexes(own.database);
  expect(await catalogue(collection.id)).toEqual([]);
  expect((await indexesOf("gap")).length).toBe(2);
});

test("an expired lease is acquired by the next run, and a valid one is respected", async () => {
  const insertLease = (seconds: number) =>
    asAdmin(own.database, ({ orm }) =>
      orm.execute(
        sql`INSERT INTO cairn.maintenance_leases VALUES ('indexes', gen_random_uuid(), now() + ${seconds}::float8 * interval '1 second')`,
      ),
    );
  await insertLease(30);
  expect(await maintainIndexes(own.database, { tenantId })).toBeUndefined();
  await asAdmin(own.database, ({ orm }) => orm.execute(sql`DELETE FROM cairn.maintenance_leases`));
  await insertLease(-1);
  expect(await maintainIndexes(own.database, { tenantId })).toEqual({ done: [], failed: [] });
});

test.runIf(serverUrl())("of two concurrent runs one proceeds, and rows written during a build are found", async () => {
  await fill("contended", 4_000);
  let next = 4_000;
  let building = true;
  const writer = async () => {
    while (building) {
      const from = next;
      next += 10;
      await add("contended", from, from + 10);
    }
  };
  const writers = [writer(), writer()];
  const runs = await Promise.all([
    maintainIndexes(own.database, { tenantId, collection: "contended" }),
    maintainIndexes(own.database, { tenantId, collection: "contended" }),
  ]);
  building = false;
  await Promise.all(writers);
  expect(runs.filter((run) => run === undefined)).toHaveLength(1);
  expect(next).toBeGreaterThan(4_000);
  // A write into an HNSW index removes connections of other nodes, rarely a node's last one: 0 to 7 of 4,000 rows, depending
  // on the order of the writes. The promise is a recall of 0.99. If a search skipped the tail, it would miss thousands.
  for (const [from, to] of [
    [0, 4_000],
    [4_000, next],
  ] as const)
    expect((await findMissed("contended", from, to)).length).toBeLessThanOrEqual((to - from) / 100);
});

test.runIf(serverUrl())("an aborted build stops, and the next run continues", async () => {
  await fill("aborted", 6_000);
  const stop = new AbortController();
  const run = maintainIndexes(own.database, {
    tenantId,
    collection: "aborted",
    signal: stop.signal,
    onProgress: () => setTimeout(() => stop.abort(new Error("aborted")), 40),
  });
  await expect(run).rejects.toThrow("aborted");
  expect((await indexesOf("aborted")).every(({ state }) => state === "building")).toBe(true);
  expect(await maintain("aborted")).toEqual([
    ["drop", 0],
    ["build", 6_000],
  ]);
});
