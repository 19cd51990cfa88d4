import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import type { Collection } from "../collection/collection.ts";
import { createCollection } from "../collection/create.ts";
import type { Transaction } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import { createTenant } from "../tenant/tenant.ts";
import { deleteDocuments } from "./delete.ts";
import type { Row } from "./document.ts";
import { importRows } from "./import.ts";
import { getDocuments } from "./list.ts";
import { updateDocuments } from "./update.ts";
import { writeRows } from "./write.ts";

const testDatabase = useTestDatabase();
let collection: Collection;
beforeAll(async () => {
  const { id } = await createTenant(testDatabase.database, { name: "imports" });
  collection = await createCollection(testDatabase.database, id, { embeddingModel: null, dimensions: 2 });
});

const passages = (id: string, ...texts: string[]): readonly Row[] =>
  texts.map((content, chunk) => ({
    id,
    chunk,
    content,
    embedding: Float32Array.of(1, 2),
    metadata: {},
    uri: null,
  }));
const inTenant = <T>(work: (transaction: Transaction) => Promise<T>) =>
  asTenant(testDatabase.database, collection.tenantId, work);
const write = async (rows: readonly Row[], within?: Transaction) => {
  const types = await testDatabase.database.vectorTypes();
  const work = (transaction: Transaction) => writeRows(transaction, collection, rows, { types });
  return within ? work(within) : inTenant(work);
};
const importAs = async (rows: readonly Row[], options: { origin?: string; overwrite?: boolean } = {}) => {
  const { origin = randomUUID(), overwrite = false } = options;
  const types = await testDatabase.database.vectorTypes();
  return inTenant((transaction) => importRows(transaction, collection, rows, { types, origin, overwrite }));
};
const textsOf = async (id: string) => {
  const [document] = await getDocuments(testDatabase.database, collection.tenantId, {
    collection: collection.id,
    ids: [id],
  });
  return document?.passages.map(({ content }) => content);
};
const remove = (id: string) =>
  deleteDocuments(testDatabase.database, collection.tenantId, { collection: collection.id, ids: [id] });

test("a document that the service wrote stays complete, whichever side has more passages", async () => {
  await write(passages("short", "own"));
  await write(passages("long", "own 0", "own 1", "own 2"));
  const rows = [
    ...passages("short", "theirs 0", "theirs 1", "theirs 2"),
    ...passages("long", "theirs"),
    ...passages("new", "theirs"),
  ];
  expect(await importAs(rows)).toBe(1);
  expect(await textsOf("short")).toEqual(["own"]);
  expect(await textsOf("long")).toEqual(["own 0", "own 1", "own 2"]);
  expect(await textsOf("new")).toEqual(["theirs"]);
  expect(await importAs(rows, { overwrite: true })).toBe(3);
  expect(await textsOf("short")).toEqual(["theirs 0", "theirs 1", "theirs 2"]);
  expect(await textsOf("long")).toEqual(["theirs"]);
});

test("a document that was imported and deleted is not imported again unless the import overwrites", async () => {
  await importAs(passages("gone", "a", "b"));
  await remove("gone");
  expect(await importAs(passages("gone", "a", "b"))).toBe(0);
  expect(await textsOf("gone")).toBeUndefined();
  expect(await importAs(passages("gone", "a", "b"), { overwrite: true })).toBe(1);
  expect(await importAs(passages("gone", "c"))).toBe(1);
  expect(await textsOf("gone")).toEqual(["c"]);
});

test("an imported document whose metadata was updated is not imported again, and its deletion leaves a tombstone", async () => {
  await importAs([...passages("updated", "a", "b"), ...passages("untouched", "a")]);
  await updateDocuments(testDatabase.database, collection.tenantId, {
    collection: collection.id,
    documents: [{ id: "updated", metadata: { topic: "new" } }],
  });
  const edited = [...passages("updated", "edited in the source"), ...passages("untouched", "edited")];
  expect(await importAs(edited)).toBe(1);
  expect(await textsOf("updated")).toEqual(["a", "b"]);
  expect(await textsOf("untouched")).toEqual(["edited"]);
  await remove("updated");
  expect(await importAs(passages("updated", "again"))).toBe(0);
});

test("a document that the service wrote and updated leaves no tombstone", async () => {
  await write(passages("mine and updated", "own"));
  const documents = [{ id: "mine and updated", metadata: { topic: "new" } }];
  await updateDocuments(testDatabase.database, collection.tenantId, { collection: collection.id, documents });
  await remove("mine and updated");
  expect(await importAs(passages("mine and updated", "theirs"))).toBe(1);
});

test("a document that the service wrote leaves no tombstone", async () => {
  await write(passages("mine", "own"));
  await remove("mine");
  expect(await importAs(passages("mine", "theirs"))).toBe(1);
});

describe.runIf(serverUrl())("concurrently", () => {
  /** Runs `first` in a transaction that commits after `second` has had time to wait for it. */
  async function runConcurrently<T>(first: (transaction: Transaction) => Promise<unknown>, second: () => Promise<T>) {
    let pending: Promise<T> | undefined;
    await inTenant(async (transaction) => {
      await first(transaction);
      pending = second();
      pending.catch(() => {});
      await sleep(300);
    });
    return pending as Promise<T>;
  }
  const inside = (transaction: Transaction) => ({
    ...testDatabase.database,
    transaction: <T>(work: (transaction: Transaction) => Promise<T>) => work(transaction),
  });

  test("an import that waits for a deletion does not restore the document", async () => {
    await importAs(passages("racing", "a", "b"));
    const written = await runConcurrently(
      (transaction) =>
        deleteDocuments(inside(transaction), collection.tenantId, {
          collection: collection.id,
          ids: ["racing"],
        }),
      () => importAs(passages("racing", "edited in the source", "b")),
    );
    expect(written).toBe(0);
    expect(await textsOf("racing")).toBeUndefined();
  });

  test("a deletion that waits for an import permanently deletes the imported rows", async () => {
    await importAs(passages("racing 2", "a"));
    const origin = randomUUID();
    const types = await testDatabase.database.vectorTypes();
    await runConcurrently(
      (transaction) =>
        importRows(transaction, collection, passages("racing 2", "b"), { types, origin, overwrite: false }),
      () => remove("racing 2"),
    );
    expect(await importAs(passages("racing 2", "c"))).toBe(0);
    expect(await textsOf("racing 2")).toBeUndefined();
  });

  test("an import that waits for a write does not change it and adds no passage", async () => {
    const written = await runConcurrently(
      (transaction) => write(passages("racing 3", "own"), transaction),
      () => importAs(passages("racing 3", "theirs 0", "theirs 1")),
    );
    expect(written).toBe(0);
    expect(await textsOf("racing 3")).toEqual(["own"]);
  });
});
