import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { documents, maintainedCollectionsOf, THRESHOLD } from "../../../test/support/maintained-collections.ts";
import { changeCollection } from "../collection/change.ts";
import { deleteDocuments } from "../document/delete.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);
const { asOwner, expectFindable, fill, indexesOf, maintain } = maintainedCollectionsOf(own, tenantId);

test("a collection loses its index below half its threshold, and not before", async () => {
  await fill("shrinking", 120);
  await maintain("shrinking");
  const shrink = (from: number, to: number) =>
    deleteDocuments(own.database, tenantId, {
      collection: "shrinking",
      ids: documents(from, to).map(({ id }) => id),
    });
  await shrink(60, 120);
  expect(await maintain("shrinking")).toEqual([]);
  await shrink(40, 60);
  expect(await maintain("shrinking")).toEqual([["drop", 0]]);
  expect(await indexesOf("shrinking")).toEqual([]);
  await expectFindable("shrinking", 0, 40);
});

test("an index is rebuilt if a build setting changes or over half its rows are deleted, and not for a search setting", async () => {
  await fill("calibration", 400);
  await maintain("calibration");
  const change = (changes: object) => changeCollection(own.database, tenantId, "calibration", changes);
  await change({ indexSettings: { threshold: THRESHOLD, efSearch: 300 } });
  expect(await maintain("calibration")).toEqual([]);
  await change({ indexSettings: { threshold: THRESHOLD, m: 8 } });
  expect(await maintain("calibration")).toEqual([
    ["build", 400],
    ["drop", 0],
  ]);
  await change({ language: "german" });
  expect(await maintain("calibration")).toEqual([
    ["build", 400],
    ["drop", 0],
  ]);
  await deleteDocuments(own.database, tenantId, {
    collection: "calibration",
    ids: documents(150, 400).map(({ id }) => id),
  });
  expect(await maintain("calibration")).toEqual([
    ["build", 150],
    ["drop", 0],
  ]);
  await expectFindable("calibration", 0, 150);
  await expect(change({ indexSettings: { ef: 3 } })).rejects.toMatchObject({
    code: "invalid_input",
    path: "index.ef",
  });
});

test("an index with the defaults of an earlier version is kept, and one with other settings is rebuilt", async () => {
  await fill("inherited", 150);
  await maintain("inherited");
  const builtWith = (m: number) =>
    asOwner(sql`
      UPDATE cairn.collection_indexes SET settings = settings || jsonb_build_object('m', ${m}::int)
      WHERE kind = 'vector' AND collection_id = (SELECT id FROM cairn.collections WHERE name = 'inherited')`);
  await builtWith(16);
  expect(await maintain("inherited")).toEqual([]);
  await builtWith(20);
  expect(await maintain("inherited")).toEqual([
    ["build", 150],
    ["drop", 0],
  ]);
});

test("a keyword index of an earlier version without metadata is rebuilt", async () => {
  await fill("unfiltered", 150);
  await maintain("unfiltered");
  await asOwner(
    sql`UPDATE cairn.collection_indexes SET settings = settings - 'metadata'
        WHERE kind = 'keyword' AND collection_id = (SELECT id FROM cairn.collections WHERE name = 'unfiltered')`,
  );
  expect(await maintain("unfiltered")).toEqual([
    ["build", 150],
    ["drop", 0],
  ]);
  expect(await maintain("unfiltered")).toEqual([]);
});
