import { changeCollection } from "@cairn/core/collection/change.ts";
import { insertCollection } from "@cairn/core/collection/create.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { parseExactJson } from "@cairn/core/database/json.ts";
import { sql } from "drizzle-orm";
import { expect, inject, test } from "vitest";
import { createChromaCollection } from "../../../../test/support/fill-chroma.ts";
import { useTestDatabase } from "../../../../test/support/fixture.ts";
import { migrateDatabase, ownerRows } from "../../../../test/support/migration.ts";
import { createReplica, type Replica } from "../../../../test/support/replica.ts";
import { collectionToChroma } from "./collection-to-chroma.ts";

const testDatabase = useTestDatabase();

const readPairs = ({ tenantId }: Replica) =>
  ownerRows<{ chroma_id: string; name: string; collection_id: string }>(
    testDatabase.database,
    sql`SELECT chroma_id, name, collection_id FROM cairn.cutover_collections WHERE tenant_id = ${tenantId}::uuid ORDER BY name`,
  );

async function change(replica: Replica, changes: Parameters<typeof changeCollection>[3], name = replica.path.name) {
  const { tenantId, collectionId, context } = replica;
  const cairn = await changeCollection(context.database, tenantId, collectionId, changes);
  return collectionToChroma(context, cairn, { ...replica.path, name });
}

test("creates the tenant, the database and the collection, and records the id that Chroma chose", async () => {
  const metadata = parseExactJson('{"a":1.0,"big":9007199254740993}') as never;
  const replica = await createReplica(testDatabase, { metric: "ip", metadata });
  const { database, tenantId, collectionId } = { ...replica, database: testDatabase.database };
  const path = { tenant: `new_${tenantId}`, database: "some_database", name: "first" };
  const cairn = await getCollection(database, tenantId, collectionId);
  const { chroma, created, findings } = await collectionToChroma(replica.context, cairn, path);
  expect({ created, findings }).toEqual({ created: true, findings: [] });
  expect(chroma).toMatchObject({ ...path, metric: "ip", metadata });
  expect(await readPairs(replica)).toEqual([{ chroma_id: chroma.id, name: "first", collection_id: collectionId }]);
  const again = await collectionToChroma(replica.context, cairn, path);
  expect(again).toMatchObject({ created: false, chroma: { id: chroma.id }, findings: [] });
});

test("a new name and new metadata arrive, also none", async () => {
  const replica = await createReplica(testDatabase, { metadata: { a: 1 } });
  const renamed = await change(replica, { name: "renamed", metadata: { b: "x" } }, "renamed");
  expect(renamed.chroma).toMatchObject({ id: replica.handle.id, name: "renamed", metadata: { b: "x" } });
  expect(await readPairs(replica)).toMatchObject([{ chroma_id: replica.handle.id, name: "renamed" }]);
  expect((await change(replica, { metadata: {} }, "renamed")).chroma.metadata).toEqual({});
});

test("two collections that exchange their names keep their ids", async () => {
  const replica = await createReplica(testDatabase, { metadata: { first: true } });
  const { context, tenantId, path } = replica;
  const second = await insertCollection(testDatabase.database, tenantId, {
    name: "other",
    embeddingModel: null,
    metric: "l2",
  });
  if (!second) throw new Error("The collection was not created.");
  const { chroma } = await collectionToChroma(context, second, { ...path, name: "other" });
  const { database } = testDatabase;
  await changeCollection(database, tenantId, replica.collectionId, { name: "moving" });
  const nowFirst = await changeCollection(database, tenantId, second.id, { name: "notes" });
  await change(replica, { name: "other" }, "other");
  await collectionToChroma(context, nowFirst, path);
  expect(await readPairs(replica)).toMatchObject([
    { name: "notes", chroma_id: chroma.id },
    { name: "other", chroma_id: replica.handle.id },
  ]);
  expect(await context.target.findCollection(path, "other")).toMatchObject({ id: replica.handle.id });
  expect(await context.target.findCollection(path, "notes")).toMatchObject({ id: chroma.id });
});

test("a name that a collection of somebody else has is refused", async () => {
  const replica = await createReplica(testDatabase);
  await createChromaCollection(inject("chromaUrl"), "taken", { database: replica.path.database });
  await expect(change(replica, { name: "taken" }, "taken")).rejects.toMatchObject({ code: "already_exists" });
  expect(await replica.context.target.findCollection(replica.path, "notes")).toMatchObject({ id: replica.handle.id });
});

test("settings of the index arrive, and a metric that cannot be changed is reported", async () => {
  const replica = await createReplica(testDatabase, { metric: "cosine" });
  const configuration = { hnsw: { space: "cosine", ef_search: 77, sync_threshold: 500 } };
  const { chroma, findings } = await change(replica, { attributes: { chroma: { configuration } } });
  expect(findings).toEqual([]);
  expect(chroma.attributes).toMatchObject({
    configuration: { hnsw: { ef_search: 77, sync_threshold: 500, space: "cosine" } },
  });
  const { database } = testDatabase;
  await ownerRows(
    database,
    sql`UPDATE cairn.collections SET metric = 'l2' WHERE tenant_id = ${replica.tenantId}::uuid RETURNING id`,
  );
  expect(await change(replica, {})).toMatchObject({
    findings: [{ recordId: "", kind: "refused", detail: expect.stringContaining("metric (cosine instead of l2)") }],
  });
});

test("a migrated collection keeps its id, and one that was lost is created with its configuration and schema", async () => {
  const { database } = testDatabase;
  const replica = await createReplica(testDatabase);
  const { path, context } = replica;
  const chroma = inject("chromaUrl");
  const configuration = {
    hnsw: { space: "cosine", ef_construction: 60, ef_search: 50, max_neighbors: 20 },
    embedding_function: { type: "known", name: "openai", config: { model_name: "some-model", api_key_env_var: "KEY" } },
  };
  const name = `tenant_${replica.tenantId.replaceAll("-", "")}_lost`;
  const original = await createChromaCollection(chroma, name, {
    database: path.database,
    configuration,
    metadata: { a: 1 },
  });
  const scope = await migrateDatabase(database, chroma, path.database, { only: ["tenant_*"] });
  expect(scope.verdict).toBe("identical");
  const cairn = await getCollection(database, replica.tenantId, "lost");
  const lostPath = { ...path, name };
  const kept = await collectionToChroma(context, cairn, lostPath);
  expect(kept).toMatchObject({ created: false, findings: [], chroma: { id: original.id } });
  expect(await context.target.deleteCollection(kept.chroma)).toBe(true);
  expect(await context.target.deleteCollection(kept.chroma)).toBe(false);
  const again = await collectionToChroma(context, cairn, lostPath);
  expect(again).toMatchObject({ created: true, findings: [] });
  expect(again.chroma.id).not.toBe(original.id);
  const { id: _first, ...before } = kept.chroma;
  const { id: _second, ...after } = again.chroma;
  expect(after).toEqual(before);
});

test("a schema of one's own arrives where the server knows schemas", async () => {
  const disabled = { string: { string_inverted_index: { enabled: false, config: {} } } };
  const configuration = { hnsw: { space: "l2", ef_search: 31 } };
  const replica = await createReplica(testDatabase);
  const { chroma } = await replica.pair();
  const { schema } = (chroma.attributes ?? {}) as {
    readonly schema?: { readonly keys: object; readonly defaults: object };
  };
  const own = { defaults: schema?.defaults ?? {}, keys: { ...schema?.keys, secret: disabled } };
  const attributes = { chroma: { configuration, schema: own } } as never;
  const cairn = await changeCollection(testDatabase.database, replica.tenantId, replica.collectionId, { attributes });
  await replica.context.target.deleteCollection(chroma);
  const created = await collectionToChroma(replica.context, cairn, replica.path);
  expect(created).toMatchObject({ created: true, findings: [], chroma: { metric: "l2" } });
  expect(created.chroma.attributes).toMatchObject({ configuration: { hnsw: { ef_search: 31 } } });
  if (schema) expect(created.chroma.attributes).toMatchObject({ schema: { keys: { secret: disabled } } });
});
