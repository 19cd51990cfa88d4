import { describe, expect, test } from "vitest";
import { ID, METADATA, TEXT, useCanary } from "../../../test/support/canary.ts";
import { serverUrl } from "../../../test/support/database.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { deleteCollection } from "../collection/change.ts";
import { listCollections } from "../collection/get.ts";
import { deleteDocuments } from "../document/delete.ts";
import { updateDocuments } from "../document/update.ts";
import { changeModel, restoreModel } from "../reembed/change.ts";
import { query } from "../search/query.ts";
import { deleteTenant } from "../tenant/tenant.ts";

// Deleted data is gone from every table: each row of the schema is read as text and searched for a canary.

const own = useTestDatabase();
const canary = useCanary(own);
const { services, hooks, put, traces, searchIds } = canary;

test("the scan finds the document, its vector and its cache entry", async () => {
  expect(await traces()).toEqual(["documents", "embedding_cache"]);
  expect(await searchIds()).toContain(ID);
});

test.each<[string, () => Promise<unknown>]>([
  ["by its id", () => deleteDocuments(own.database, canary.tenantId, { ids: [ID] })],
  ["by a filter", () => deleteDocuments(own.database, canary.tenantId, { filter: METADATA })],
  ["by its text", () => deleteDocuments(own.database, canary.tenantId, { whereDocument: { $contains: "canary" } })],
  ["with its collection", () => deleteCollection(own.database, canary.tenantId, "knowledge")],
  ["with its tenant", () => deleteTenant(own.database, canary.tenantId)],
])("a document that is deleted %s leaves nothing in any table", async (_, work) => {
  await work();
  expect(await traces()).toEqual([]);
});

test("a replaced text leaves nothing, even if it was longer", async () => {
  const long = Array.from({ length: 1_500 }, (_, n) => `word${n}`).join(" ");
  await put({ id: ID, content: `${long} ${TEXT}` });
  expect(await traces()).toContain("documents");
  await put({ id: ID, content: "Nothing to see." });
  const left = (await traces()).filter((table) => table !== "documents"); // the id still exists
  expect(left).toEqual([]);
  await deleteDocuments(own.database, canary.tenantId, { ids: [ID] });
  expect(await traces()).toEqual([]);
});

describe("after a change of model", () => {
  const kept = "knowledge (by test/old)";

  test("a deleted document is gone from the kept collection at once, and restoring the model does not bring it back", async () => {
    await changeModel(services, canary.tenantId, "test/new");
    expect(await searchIds(kept)).toContain(ID);
    await deleteDocuments(own.database, canary.tenantId, { ids: [ID] });
    expect(await searchIds(kept)).not.toContain(ID);
    expect(await traces()).toEqual([]);
    await restoreModel(services, canary.tenantId);
    expect(await searchIds()).not.toContain(ID);
    expect(await searchIds()).toContain("other");
    expect(await traces()).toEqual([]);
  });

  test("a replaced document is gone from the kept collection, and is current after restoring the model", async () => {
    await changeModel(services, canary.tenantId, "test/new");
    await put({ id: ID, content: "A new text." });
    expect(await searchIds(kept)).not.toContain(ID);
    await restoreModel(services, canary.tenantId);
    const [hit] = await query(services, canary.tenantId, { text: "A new text." });
    expect(hit).toMatchObject({ id: ID, content: "A new text." });
  });

  test("a document with changed metadata is gone from the kept collection, and is current after restoring the model", async () => {
    await changeModel(services, canary.tenantId, "test/new");
    const documents = [{ id: ID, metadata: { note: null, topic: "new" } }];
    await updateDocuments(own.database, canary.tenantId, { documents });
    expect(await searchIds(kept)).not.toContain(ID);
    await restoreModel(services, canary.tenantId);
    const [hit] = await query(services, canary.tenantId, { text: TEXT });
    expect(hit).toMatchObject({ id: ID, metadata: { topic: "new" } });
  });

  test("two changes keep two collections, and deleting the collection in use deletes both", async () => {
    await changeModel(services, canary.tenantId, "test/new");
    await changeModel(services, canary.tenantId, "test/newer");
    expect(await listCollections(own.database, canary.tenantId)).toHaveLength(3);
    await deleteDocuments(own.database, canary.tenantId, { filter: METADATA });
    expect(await traces()).toEqual([]);
    await put({ id: ID, content: TEXT });
    await deleteCollection(own.database, canary.tenantId, "knowledge");
    expect(await listCollections(own.database, canary.tenantId)).toEqual([]);
    expect(await traces()).toEqual([]);
  });

  // PGlite has one connection, so nothing can be deleted while it is in use.
  test.runIf(serverUrl())(
    "a document that is deleted or replaced during its embedding is not written into the draft",
    async () => {
      hooks.beforeEmbedding = async (texts) => {
        if (!texts.includes(TEXT)) return;
        await deleteDocuments(own.database, canary.tenantId, { ids: [ID] });
        await put({ id: "other", content: "Replaced meanwhile." });
      };
      const broken = new AbortController();
      const onProgress = () => broken.abort(new Error("the process dies")); // its first page is written
      const begun = changeModel(services, canary.tenantId, "test/new", { signal: broken.signal, onProgress });
      await expect(begun).rejects.toThrow("the process dies");
      hooks.beforeEmbedding = async () => undefined;
      const draft = "knowledge (by test/new)";
      expect(await query(services, canary.tenantId, { collection: draft, text: "said" })).toEqual([]);
      expect(await traces()).not.toContain("documents");
    },
  );

  test("a document that is deleted during a change of model is gone from the draft", async () => {
    const broken = new AbortController();
    const onProgress = () => broken.abort(new Error("the process dies"));
    const begun = changeModel(services, canary.tenantId, "test/new", { signal: broken.signal, onProgress });
    await expect(begun).rejects.toThrow("the process dies");
    const draft = "knowledge (by test/new)";
    expect(await searchIds(draft)).toContain(ID);
    await deleteDocuments(own.database, canary.tenantId, { ids: [ID] });
    expect(await searchIds(draft)).not.toContain(ID);
    expect(await traces()).toEqual([]);
  });
});
