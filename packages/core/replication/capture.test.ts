import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { changeCollection, deleteCollection } from "../collection/change.ts";
import { createCollection } from "../collection/create.ts";
import { getCollection } from "../collection/get.ts";
import { asAdmin, asTenant } from "../database/transaction.ts";
import { deleteDocuments } from "../document/delete.ts";
import { ingest } from "../document/ingest.ts";
import { updateDocuments } from "../document/update.ts";
import { deleteRecords } from "../record/delete.ts";
import type { RecordInput } from "../record/record.ts";
import { updateRecords } from "../record/update.ts";
import { writeRecords } from "../record/write.ts";
import { ensureDraft } from "../reembed/draft.ts";
import { setReplicationRole } from "./role.ts";

// A collection with a role: the source records its changes in the transaction of the write, and a replica takes no writes.

const testDatabase = useTestDatabase();
const tenantId = useTenant(testDatabase);
const { services } = testDatabase;
const database = () => testDatabase.database;
const LONG = "long ".repeat(400);
let name: string;

const setRole = (role: "source" | "replica" | null) =>
  asTenant(database(), tenantId, ({ orm }) => setReplicationRole(orm, tenantId, role));

beforeEach(async () => {
  await setRole(null);
  name = `c${crypto.randomUUID()}`;
  await createCollection(database(), tenantId, { name, embeddingModel: "offline/words", dimensions: 4 });
  await put("a", "b", LONG);
  await clear();
});
afterEach(() => setRole(null));

const clear = () => asAdmin(database(), ({ orm }) => orm.execute(sql`DELETE FROM cairn.changes`));

const put = (...ids: string[]) =>
  ingest(services, tenantId, {
    collection: name,
    documents: ids.map((id) => ({ id, content: "text", embedding: Float32Array.of(1, 2, 3, 4) })),
  });

const record = (id: string): RecordInput => ({
  id,
  embedding: Float32Array.of(4, 3, 2, 1),
  content: "other",
  uri: null,
  metadata: {},
  removedKeys: [],
});

async function inTransaction(work: (parts: Parts) => Promise<unknown>): Promise<void> {
  const types = await database().vectorTypes();
  const collection = await getCollection(database(), tenantId, name);
  await asTenant(database(), tenantId, (transaction) => work({ transaction, collection, types }));
}

interface Parts {
  readonly transaction: Parameters<typeof writeRecords>[0];
  readonly collection: Parameters<typeof writeRecords>[1];
  readonly types: Parameters<typeof writeRecords>[3]["types"];
}

const readChanges = () =>
  asAdmin(database(), ({ orm }) =>
    orm.selectRows<{ ids: string[] | null; deletes: boolean }>(
      sql`SELECT ids, deletes FROM cairn.changes WHERE tenant_id = ${tenantId}::uuid ORDER BY sequence`,
    ),
  );

/** Every function that changes documents, with the ids that it changes. */
const WRITES: Readonly<
  Record<string, readonly [write: () => Promise<unknown>, ids: readonly string[], deletes?: true]>
> = {
  ingest: [() => put("a", "new"), ["a", "new"]],
  updateDocuments: [
    () => updateDocuments(database(), tenantId, { collection: name, documents: [{ id: "b", metadata: { n: 1 } }] }),
    ["b"],
  ],
  deleteDocuments: [
    () => deleteDocuments(database(), tenantId, { collection: name, ids: ["a", LONG, "missing"] }),
    ["a", LONG],
    true,
  ],
  "writeRecords that merge": [
    () =>
      inTransaction(({ transaction, collection, types }) =>
        writeRecords(transaction, collection, [record("a"), record("c")], { types, existing: "merge" }),
      ),
    ["a", "c"],
  ],
  "writeRecords that ignore": [
    () =>
      inTransaction(({ transaction, collection, types }) =>
        writeRecords(transaction, collection, [record("c")], { types, existing: "ignore" }),
      ),
    ["c"],
  ],
  updateRecords: [
    () =>
      inTransaction(({ transaction, collection, types }) =>
        updateRecords(transaction, collection, [record("b")], { types }),
      ),
    ["b"],
  ],
  deleteRecords: [
    () =>
      inTransaction(({ transaction, collection }) =>
        deleteRecords(transaction, collection, { filter: undefined, limit: 1 }),
      ),
    ["a"],
    true,
  ],
};

for (const [write, [run, ids, deletes = false]] of Object.entries(WRITES)) {
  test(`${write}: a source records the ids, a replica refuses, and a collection without a role records nothing`, async () => {
    await setRole("replica");
    await expect(run()).rejects.toMatchObject({ code: "read_only_replica", retryAfter: 1 });
    expect(await readChanges()).toEqual([]);
    await setRole("source");
    await run();
    const changes = await readChanges();
    expect(changes.flatMap((change) => change.ids ?? []).sort()).toEqual([...ids].sort());
    expect(changes.every((change) => change.deletes === deletes)).toBe(true);
    await setRole(null);
    await clear();
    await put("z");
    expect(await readChanges()).toEqual([]);
  });
}

test("a collection's own changes are recorded without ids, and a replica refuses them", async () => {
  await setRole("replica");
  await expect(changeCollection(database(), tenantId, name, { metadata: { a: 1 } })).rejects.toMatchObject({
    code: "read_only_replica",
  });
  await expect(deleteCollection(database(), tenantId, name)).rejects.toMatchObject({ code: "read_only_replica" });
  await setRole("source");
  await changeCollection(database(), tenantId, name, { metadata: { a: 1 } });
  await deleteCollection(database(), tenantId, name);
  expect(await readChanges()).toEqual([
    { ids: null, deletes: false },
    { ids: null, deletes: false },
  ]);
});

test("a write that fails records nothing", async () => {
  await setRole("source");
  await expect(
    inTransaction(async ({ transaction, collection, types }) => {
      await writeRecords(transaction, collection, [record("c")], { types, existing: "merge" });
      throw new Error("afterwards");
    }),
  ).rejects.toThrow("afterwards");
  expect(await readChanges()).toEqual([]);
});

test("a write with a collection that was read before its role changed is refused, and none is lost", async () => {
  const types = await database().vectorTypes();
  const before = await getCollection(database(), tenantId, name);
  await setRole("source");
  const write = () =>
    asTenant(database(), tenantId, (transaction) =>
      writeRecords(transaction, before, [record("c")], { types, existing: "merge" }),
    );
  await expect(write()).rejects.toMatchObject({ code: "collection_changed" });
  expect(await readChanges()).toEqual([]);
});

test("the model of a replicated collection cannot be changed", async () => {
  await setRole("source");
  const collection = await getCollection(database(), tenantId, name);
  await expect(ensureDraft(services, collection, "offline/others")).rejects.toMatchObject({
    code: "invalid_input",
    message: expect.stringContaining("replicated"),
  });
});
