import { getDocuments } from "@cairn/core/document/list.ts";
import { sql } from "drizzle-orm";
import { beforeEach, expect, inject, onTestFinished, test } from "vitest";
import { putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  expectSame,
  migrateDatabase,
  openTestSource,
  ownerRows,
} from "./support/migration.ts";
import { always, isFetch, startHttpProxy } from "./support/proxy.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
let collection: Awaited<ReturnType<typeof createTenantCollection>>;
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
  collection = await createTenantCollection(chroma, scope);
});

const float = (text: string) => JSON.rawJSON(text);
const record = (id: string, metadata: object) => ({ id, metadata, document: `of ${id}`, embedding: [1, 2] });

test("lists in metadata keep the type of every element", async ({ skip }) => {
  const lists: Readonly<Record<string, readonly unknown[]>> = {
    strings: ["a", "", "1", "true", "日本語 🍵"],
    integers: [1, -2, 9007199254740993n],
    floats: [float("1.0"), 2.5, float("2.0")],
    whole: [float("1.0"), 2],
    booleans: [true, false],
    single: [0],
  };
  const accepted = await putRecords(collection, [record("all", lists)]).then(
    () => true,
    () => false,
  );
  if (!accepted) skip("this Chroma server has no lists in metadata");
  await putRecords(
    collection,
    Object.entries(lists).map(([key, list]) => record(key, { [key]: list })),
  );
  expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({
    verdict: "identical",
    totals: { written: 7 },
  });
  await expectSame(testDb.database, collection);
  const rows = await ownerRows<{ id: string; metadata: string }>(
    testDb.database,
    sql`SELECT id, metadata::text FROM cairn.documents WHERE tenant_id = ${collection.tenant}::uuid`,
  );
  const stored = Object.fromEntries(rows.map(({ id, metadata }) => [id, metadata]));
  // Chroma keeps a list of floats and integers as floats.
  expect(stored).toMatchObject({
    integers: '{"integers": [1, -2, 9007199254740993]}',
    floats: '{"floats": [1.0, 2.5, 2.0]}',
    whole: '{"whole": [1.0, 2.0]}',
    single: '{"single": [0]}',
  });
});

test("a lone surrogate in a text, a key or a value is preserved", async () => {
  await putRecords(collection, [record("half", { key: "value" }), record("whole", { key: "🍵" })]);
  const proxy = await startHttpProxy(chroma);
  onTestFinished(() => proxy.stop());
  // No available server accepts it, so the response is changed.
  const change = (body: string) =>
    body
      .replace('"of half"', String.raw`"\ud83d torn"`)
      .replace('{"key":"value"}', String.raw`{"\udf75":"torn \ud83d"}`);
  proxy.rules = [always({ kind: "change", change }, isFetch)];
  const report = await migrateDatabase(testDb.database, await openTestSource(proxy.url), scope);
  expect(report).toMatchObject({ verdict: "identical", totals: { written: 2, compared: 2 } });
  expect(await getDocuments(testDb.database, collection.tenant, { ids: ["half", "whole"] })).toMatchObject([
    { id: "half", metadata: { "\udf75": "torn \ud83d" }, passages: [{ content: "\ud83d torn" }] },
    { id: "whole", metadata: { key: "🍵" }, passages: [{ content: "of whole" }] },
  ]);
});
