import { beforeAll, describe, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { countDocuments } from "./count.ts";
import { deleteDocuments } from "./delete.ts";
import type { NewDocument } from "./document.ts";
import { ingest } from "./ingest.ts";
import { getDocuments, listDocuments } from "./list.ts";

const testDatabase = useTestDatabase();
const tenantId = useTenant(testDatabase);
beforeAll(async () => {
  await createCollection(testDatabase.database, tenantId, { embeddingModel: "offline/words", dimensions: 4 });
  await put(undefined, documents);
});

const embedding = new Float32Array([1, 0, 0, 0]);
const long = Array.from({ length: 2_000 }, (_, n) => `word${n}`).join(" ");
/** 250 documents: some of several passages, some with ids that are hard to page over. */
const documents: NewDocument[] = [
  ...Array.from(
    { length: 240 },
    (_, n): NewDocument => ({
      id: `doc-${n}`,
      content: `text ${n % 10}`,
      metadata: { n, even: n % 2 === 0 },
      embedding,
    }),
  ),
  { id: "long-a", content: `${long} needle at the end`, metadata: { n: 1000 } },
  { id: "long-b", content: long, metadata: { n: 1001 } },
  ...["\0", "\0\0", "\uD800", "\uFFFE", "é", "日本語", "x".repeat(3_000), `${"x".repeat(2_999)}y`].map(
    (id): NewDocument => ({ id, content: "odd", embedding }),
  ),
];

const put = (collection: string | undefined, docs: readonly NewDocument[]) =>
  ingest(testDatabase.services, tenantId, { collection, documents: docs });

async function pages(limit: number, filter?: unknown): Promise<string[][]> {
  const listed: string[][] = [];
  let after: string | undefined;
  do {
    const page = await listDocuments(testDatabase.database, tenantId, { limit, after, filter });
    listed.push(page.documents.map(({ id }) => id));
    after = page.next ?? undefined;
  } while (after !== undefined);
  return listed;
}

const inByteOrder = (ids: readonly string[]) => ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

describe("listDocuments()", () => {
  test.each([1000, 250, 125, 100, 7])(
    "returns each of 250 complete documents once in pages of %i, for any id",
    async (limit) => {
      const listed = await pages(limit);
      expect(listed.slice(0, -1).every((page) => page.length === limit)).toBe(true);
      expect(listed.length).toBe(Math.ceil(250 / limit));
      expect(inByteOrder(listed.flat())).toEqual(inByteOrder(documents.map(({ id }) => id as string)));
    },
  );

  test("returns documents in the byte order of their ids, with all passages", async () => {
    const { documents: found, next } = await listDocuments(testDatabase.database, tenantId, {
      filter: { n: { $gte: 100 } },
      limit: 1000,
    });
    const ids = found.map(({ id }) => id);
    expect(ids).toEqual(inByteOrder(ids));
    expect(next).toBeNull();
    expect(found.find(({ id }) => id === "long-a")?.passages.length).toBeGreaterThan(1);
  });

  test("filters by metadata and text across pages, and a match in one passage returns the complete document", async () => {
    const even = await pages(50, { even: true });
    expect(even.map((page) => page.length)).toEqual([50, 50, 20]);
    expect(new Set(even.flat()).size).toBe(120);
    const { documents: found } = await listDocuments(testDatabase.database, tenantId, {
      whereDocument: { $contains: "needle" },
    });
    expect(found.map(({ id }) => id)).toEqual(["long-a"]);
    expect(found[0]?.passages[0]?.content).toContain("word0 ");
    const both = await listDocuments(testDatabase.database, tenantId, {
      filter: { even: true },
      whereDocument: { $contains: "text 3" },
    });
    expect(both).toEqual({ documents: [], next: null });
  });

  test("returns 100 documents by default, and one empty page for an empty collection", async () => {
    const page = await listDocuments(testDatabase.database, tenantId);
    expect(page.documents).toHaveLength(100);
    expect(page.next).toEqual(expect.any(String));
    await createCollection(testDatabase.database, tenantId, { name: "empty", embeddingModel: null });
    expect(await listDocuments(testDatabase.database, tenantId, { collection: "empty" })).toEqual({
      documents: [],
      next: null,
    });
  });

  test.each([0, -1, 1.5, 1001, Number.NaN, Number.POSITIVE_INFINITY])("rejects a limit of %d", async (limit) => {
    await expect(listDocuments(testDatabase.database, tenantId, { limit })).rejects.toMatchObject({
      code: "invalid_input",
      path: "limit",
    });
  });

  test.each([
    "",
    "!",
    "a b",
    "gA",
    "AA",
    Buffer.from("x\0").toString("base64url"),
    Buffer.from([0xff, 0xfe]).toString("base64url"),
  ])("rejects %j, which is not a cursor", async (after) => {
    await expect(listDocuments(testDatabase.database, tenantId, { after })).rejects.toMatchObject({
      code: "invalid_input",
      path: "after",
    });
  });

  test("continues after a document that was deleted in the meantime", async () => {
    const first = await listDocuments(testDatabase.database, tenantId, { limit: 3, filter: { even: true } });
    await deleteDocuments(testDatabase.database, tenantId, { ids: [first.documents[2]?.id as string] });
    const next = await listDocuments(testDatabase.database, tenantId, {
      limit: 3,
      filter: { even: true },
      after: first.next as string,
    });
    expect(next.documents).toHaveLength(3);
    expect(next.documents.map(({ id }) => id)).not.toContain(first.documents[2]?.id);
    const deleted = documents.find(({ id }) => id === first.documents[2]?.id);
    await put(undefined, deleted ? [deleted] : []);
  });
});

describe("getDocuments()", () => {
  test("returns each existing document once and complete, and omits missing ones", async () => {
    const ids = ["doc-3", "missing", "long-b", "doc-3", "\0", "x".repeat(3_000), "x".repeat(3_001), ""];
    const found = await getDocuments(testDatabase.database, tenantId, { ids });
    expect(found.map(({ id }) => id).sort()).toEqual(["doc-3", "long-b", "\0", "x".repeat(3_000)].sort());
    expect(found.find(({ id }) => id === "doc-3")).toMatchObject({
      metadata: { n: 3, even: false },
      createdAt: expect.any(Date),
    });
    expect(await getDocuments(testDatabase.database, tenantId, { ids: [] })).toEqual([]);
  });

  test("accepts 70,000 ids, more than a statement can have parameters", async () => {
    const ids = Array.from({ length: 70_000 }, (_, n) => `doc-${n}`);
    expect(await getDocuments(testDatabase.database, tenantId, { ids })).toHaveLength(240);
  });
});

describe("deleteDocuments()", () => {
  async function createFilledCollection(): Promise<string> {
    const name = `d${crypto.randomUUID()}`;
    await createCollection(testDatabase.database, tenantId, {
      name,
      embeddingModel: "offline/words",
      dimensions: 4,
    });
    await put(name, [...documents.slice(0, 20), ...documents.slice(240)]);
    return name;
  }
  const remaining = async (collection: string) =>
    (await listDocuments(testDatabase.database, tenantId, { collection })).documents.map(({ id }) => id);

  test("deletes by ids of any kind and returns the number of existing documents", async () => {
    const collection = await createFilledCollection();
    const ids = ["doc-0", "doc-1", "missing", "\0", "\uD800", "x".repeat(3_000), "doc-0"];
    expect(await deleteDocuments(testDatabase.database, tenantId, { collection, ids })).toBe(5);
    expect(await remaining(collection)).toHaveLength(25);
    expect(await deleteDocuments(testDatabase.database, tenantId, { collection, ids })).toBe(0);
    expect(await deleteDocuments(testDatabase.database, tenantId, { collection, ids: [] })).toBe(0);
  });

  test("deletes by filter and by text, and deletes the complete document if one passage matches", async () => {
    const collection = await createFilledCollection();
    expect(await deleteDocuments(testDatabase.database, tenantId, { collection, filter: { even: true } })).toBe(10);
    expect(
      await deleteDocuments(testDatabase.database, tenantId, {
        collection,
        whereDocument: { $contains: "needle" },
      }),
    ).toBe(1);
    expect(await remaining(collection)).not.toContain("long-a");
    const { documents: count, passages } = await countDocuments(testDatabase.database, tenantId, { collection });
    expect(count).toBe(19);
    expect(passages).toBe(
      18 +
        ((await getDocuments(testDatabase.database, tenantId, { collection, ids: ["long-b"] }))[0]?.passages.length ??
          0),
    );
  });

  test("deletes only documents that match both the ids and the filter", async () => {
    const collection = await createFilledCollection();
    expect(
      await deleteDocuments(testDatabase.database, tenantId, {
        collection,
        ids: ["doc-2", "doc-3"],
        filter: { even: true },
      }),
    ).toBe(1);
    expect(await remaining(collection)).toContain("doc-3");
  });

  test.each([{}, { filter: null }, { whereDocument: null }, { filter: undefined, whereDocument: null }])(
    "rejects a deletion without a condition (%j)",
    async (options) => {
      await expect(deleteDocuments(testDatabase.database, tenantId, options)).rejects.toMatchObject({
        code: "invalid_input",
      });
      expect((await countDocuments(testDatabase.database, tenantId)).documents).toBe(250);
    },
  );

  test("does not delete documents with the same ids in another collection", async () => {
    const [one, other] = [await createFilledCollection(), await createFilledCollection()];
    expect(
      await deleteDocuments(testDatabase.database, tenantId, { collection: one, filter: { n: { $gte: 0 } } }),
    ).toBe(22);
    expect(await remaining(other)).toHaveLength(30);
  });
});
