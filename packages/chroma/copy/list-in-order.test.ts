import { getCollection } from "@cairn/core/collection/get.ts";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { ownerRows } from "../../../test/support/migration.ts";
import { createReplica } from "../../../test/support/replica.ts";
import { listInOrder } from "./list-in-order.ts";

const testDatabase = useTestDatabase();

test("lists every document once in insertion order, whatever the size of the pages and the digits of the places", async () => {
  const { tenantId, collectionId, put } = await createReplica(testDatabase);
  const places: Readonly<Record<string, number | null>> = {
    "no place": null,
    c: 9,
    b: 10,
    a: 95,
    ["x".repeat(2_000)]: 100,
    "same place": 100,
    z: 1_000_000_007,
  };
  await put(...Object.keys(places).map((id) => ({ id })));
  const { database } = testDatabase;
  for (const [id, place] of Object.entries(places))
    await ownerRows(
      database,
      sql`UPDATE cairn.documents SET sequence = ${place}::bigint
          WHERE tenant_id = ${tenantId}::uuid AND coalesce(long_id, id) = ${id} RETURNING id`,
    );
  const collection = await getCollection(database, tenantId, collectionId);
  for (const pageSize of [1, 2, 3, 100]) {
    const pages = await Array.fromAsync(listInOrder(database, collection, pageSize));
    const ids = pages.flat();
    expect(ids.toSorted()).toEqual(Object.keys(places).toSorted());
    expect(ids.map((id) => places[id])).toEqual([null, 9, 10, 95, 100, 100, 1_000_000_007]);
  }
});
