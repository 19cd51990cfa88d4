import { sql } from "drizzle-orm";
import { beforeEach, expect, test } from "vitest";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { deleteCollection } from "../collection/change.ts";
import { createCollection } from "../collection/create.ts";
import { getCollection } from "../collection/get.ts";
import { asTenant } from "../database/transaction.ts";
import { countDocuments } from "../document/count.ts";
import { deleteDocuments } from "../document/delete.ts";
import { importRows } from "../document/import.ts";
import { ingest } from "../document/ingest.ts";
import { restoreDocuments } from "../document/restore.ts";
import { deleteRecords } from "../record/delete.ts";
import type { RecordInput } from "../record/record.ts";
import { updateRecords } from "../record/update.ts";
import { writeRecords } from "../record/write.ts";
import { changeTenant, createTenant } from "../tenant/tenant.ts";
import { measureRows, measureTenant } from "./measure.ts";
import { measureTenants } from "./measure-tenants.ts";
import type { StorageQuota, Stored } from "./quota.ts";
import { readUsage } from "./read.ts";

const own = useTestDatabase();
const database = () => own.database;
let tenantId: string;

beforeEach(async () => {
  tenantId = (await createTenant(database(), {})).id;
  await createCollection(database(), tenantId, { embeddingModel: "offline/words", dimensions: 4 });
});

const setQuota = (limits: StorageQuota) => changeTenant(database(), tenantId, { limits });
const embedding = Float32Array.of(1, 2, 3, 4);
const document = (id: string, content = "text") => ({ id, content, embedding });
const put = (...ids: string[]) => ingest(own.services, tenantId, { documents: ids.map((id) => document(id)) });

/** The counter; undefined: there is none. */
async function counter(): Promise<Stored | undefined> {
  const [stored] = await asTenant(database(), tenantId, ({ orm }) =>
    orm.selectRows<Stored>(sql`SELECT rows::float8 AS rows, bytes::float8 AS bytes FROM cairn.stored_totals`),
  );
  return stored;
}

/** The counter must say what a full count says. Returns the rows. */
async function expectExact(): Promise<number> {
  const measured = await asTenant(database(), tenantId, ({ orm }) => measureRows(orm, tenantId));
  expect(await counter()).toEqual(measured);
  return measured.rows;
}

const record = (id: string, content = "text"): RecordInput => ({
  id,
  embedding,
  content,
  uri: null,
  metadata: { n: 1 },
  removedKeys: [],
});

async function asRecords(write: "add" | "upsert" | "update" | "delete", records: readonly RecordInput[]) {
  const types = await database().vectorTypes();
  const collection = await getCollection(database(), tenantId);
  return asTenant(database(), tenantId, (transaction) => {
    if (write === "delete") return deleteRecords(transaction, collection, { filter: undefined, limit: records.length });
    if (write === "update") return updateRecords(transaction, collection, records, { types });
    return writeRecords(transaction, collection, records, { types, existing: write === "add" ? "ignore" : "merge" });
  });
}

test("the counter follows every write and delete exactly, and a tenant without a quota has none", async () => {
  await put("a", "b");
  expect(await counter()).toBeUndefined();
  await setQuota({ storedRows: 100_000, storedBytes: 1_000_000_000 });
  expect(await expectExact()).toBe(2);
  await put("a", "c");
  expect(await expectExact()).toBe(3);
  await ingest(own.services, tenantId, {
    documents: [{ id: "long", content: "A sentence of some words. ".repeat(400) }],
  });
  expect(await expectExact()).toBeGreaterThan(5);
  await ingest(own.services, tenantId, { documents: [{ id: "long", content: "Short now." }] });
  expect(await expectExact()).toBe(4);
  const large = { id: "large", content: "A sentence of some words. ".repeat(40_000) };
  for (let n = 0; n < 2; n++) await ingest(own.services, tenantId, { documents: [large], maxTokens: 200 });
  expect(await expectExact()).toBeGreaterThan(1_100); // written in several statements, and replaced
  await deleteDocuments(database(), tenantId, { ids: ["large"] });
  expect(await expectExact()).toBe(4);
  await asRecords("add", [record("a", "is there"), record("d")]);
  expect(await expectExact()).toBe(5);
  await asRecords("upsert", [record("d", "another text ".repeat(50)), record("e")]);
  expect(await expectExact()).toBe(6);
  await asRecords("update", [record("e", "a longer text ".repeat(20)), record("missing")]);
  await expectExact();
  await asRecords("delete", [record("a")]);
  expect(await expectExact()).toBe(5);
  expect(await deleteDocuments(database(), tenantId, { ids: ["long", "missing"] })).toBe(1);
  expect(await expectExact()).toBe(4);
  await createCollection(database(), tenantId, { name: "other", embeddingModel: "offline/words", dimensions: 4 });
  await ingest(own.services, tenantId, { collection: "other", documents: [document("x"), document("y")] });
  expect(await expectExact()).toBe(6);
  await deleteCollection(database(), tenantId, "other");
  expect(await expectExact()).toBe(4);
  await setQuota({});
  expect(await counter()).toBeUndefined();
});

const WRITES: Readonly<Record<string, (ids: readonly string[]) => Promise<unknown>>> = {
  ingest: (ids) => put(...ids),
  restoreDocuments: (ids) =>
    restoreDocuments(own.services, tenantId, {
      documents: ids.map((id) => ({ id, passages: [{ content: "text", embedding }] })),
    }),
  "writeRecords that ignore": (ids) =>
    asRecords(
      "add",
      ids.map((id) => record(id)),
    ),
  "writeRecords that merge": (ids) =>
    asRecords(
      "upsert",
      ids.map((id) => record(id)),
    ),
};

for (const [name, write] of Object.entries(WRITES)) {
  test(`${name}: a write beyond the quota of rows writes nothing, and what fits is written`, async () => {
    await setQuota({ storedRows: 3 });
    await write(["a", "b"]);
    await expect(write(["c", "d"])).rejects.toMatchObject({
      code: "quota_exceeded",
      message:
        "Quota exceeded: the documents cannot be written. They add 2 rows to the 2 rows that the tenant stores, and its quota is 3 rows. " +
        "Delete documents or collections, or ask the operator to raise the tenant's quota.",
    });
    expect(await countDocuments(database(), tenantId)).toMatchObject({ documents: 2 });
    await write(["c"]);
    await write(["a", "b", "c"]); // replacing adds no row
    expect(await expectExact()).toBe(3);
  });
}

test("a quota of bytes refuses what grows beyond it, and a shorter text is accepted", async () => {
  await put("a");
  const { bytes } = await measureTenant(database(), tenantId);
  await setQuota({ storedBytes: bytes + 500 });
  const rewrite = (content: string) => ingest(own.services, tenantId, { documents: [document("a", content)] });
  await expect(rewrite("x".repeat(1_000))).rejects.toMatchObject({ code: "quota_exceeded" });
  await expect(asRecords("update", [record("a", "x".repeat(1_000))])).rejects.toMatchObject({ code: "quota_exceeded" });
  await rewrite("x".repeat(400));
  await setQuota({ storedBytes: 10 });
  await rewrite("x".repeat(300));
  await expect(put("b")).rejects.toMatchObject({ code: "quota_exceeded" });
  expect(await expectExact()).toBe(1);
});

test("a migration is counted and not refused, and the tenant's own writes are refused afterwards", async () => {
  await setQuota({ storedRows: 1 });
  const types = await database().vectorTypes();
  const collection = await getCollection(database(), tenantId);
  const rows = ["a", "b"].map((id) => ({ id, chunk: 0, content: "text", embedding, metadata: {}, uri: null }));
  const origin = crypto.randomUUID();
  await asTenant(database(), tenantId, (transaction) =>
    importRows(transaction, collection, rows, { types, origin, overwrite: false }),
  );
  expect(await expectExact()).toBe(2);
  await expect(put("c")).rejects.toMatchObject({ code: "quota_exceeded" });
});

test("concurrent writers never exceed the quota together, and fill it", async () => {
  await setQuota({ storedRows: 25 });
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => put(`${n} a`, `${n} b`)));
  const refused = outcomes.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
  for (const { reason } of refused) expect(reason).toMatchObject({ code: "quota_exceeded" });
  expect(refused).toHaveLength(8);
  expect(await expectExact()).toBe(24);
});

test("a tenant whose counter is missing is counted by its next write", async () => {
  await put("a", "b");
  await setQuota({ storedRows: 3 });
  await asTenant(database(), tenantId, ({ orm }) => orm.execute(sql`DELETE FROM cairn.stored_totals`));
  await expect(put("c", "d")).rejects.toMatchObject({ code: "quota_exceeded" });
  await put("c");
  expect(await expectExact()).toBe(3);
});

test("maintenance records what each tenant stores once a day, and corrects a counter", async () => {
  await put("a", "b", "c");
  await setQuota({ storedRows: 10 });
  await asTenant(database(), tenantId, ({ orm }) => orm.execute(sql`UPDATE cairn.stored_totals SET rows = 9`));
  await measureTenants(database());
  const rows = await expectExact();
  const { bytes = 0 } = (await counter()) ?? {};
  await put("d");
  await measureTenants(database()); // too early
  const usage = await readUsage(database(), tenantId);
  expect(usage.rows.map(({ kind, n }) => [kind, n])).toEqual([
    ["stored_bytes", bytes],
    ["stored_rows", rows],
  ]);
});
