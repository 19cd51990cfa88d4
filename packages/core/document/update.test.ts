import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { documentsOf, vector, words } from "../../../test/support/documents.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { inCollection } from "../collection/collection.ts";
import { getCollection } from "../collection/get.ts";
import { asTenant } from "../database/transaction.ts";
import { query } from "../search/query.ts";
import { countDocuments } from "./count.ts";
import type { DocumentUpdate } from "./document-update.ts";
import { listDocuments } from "./list.ts";
import { updateDocuments } from "./update.ts";

const testDatabase = useTestDatabase();
const tenantId = useTenant(testDatabase);
const { collection, put, read } = documentsOf(testDatabase, tenantId);

const update = (name: string, ...documents: DocumentUpdate[]) =>
  updateDocuments(testDatabase.database, tenantId, { collection: name, documents });

interface StoredRow {
  readonly chunk: number;
  readonly metadata: string;
  readonly uri: string | null;
  readonly segment: number;
  readonly sequence: string;
  readonly embedding: string;
}

async function storedRows(name: string, id: string): Promise<readonly StoredRow[]> {
  const target = await getCollection(testDatabase.database, tenantId, name);
  return asTenant(testDatabase.database, tenantId, ({ orm }) =>
    orm.selectRows<StoredRow>(sql`
      SELECT chunk, metadata::text AS metadata, uri, segment, sequence::text AS sequence, embedding::text AS embedding
      FROM cairn.documents WHERE ${inCollection(target)} AND id = ${id} ORDER BY chunk`),
  );
}

const executeAsTenant = (statement: ReturnType<typeof sql>) =>
  asTenant(testDatabase.database, tenantId, ({ orm }) => orm.execute(statement));

describe("updateDocuments()", () => {
  test("sets and deletes metadata of every passage, and keeps text, vectors, offsets and place", async () => {
    const name = await collection();
    const metadata = { topic: "a", draft: true, empty: null, nested: { a: 1 } };
    await put(name, { id: "long", content: words(3_000), metadata }, { id: "other", content: "other", metadata });
    const [before] = await read(name, "long");
    const rowsBefore = await storedRows(name, "long");
    const changes = { topic: "b", draft: null, nested: { b: 2 }, absent: null };
    expect(await update(name, { id: "long", metadata: changes })).toEqual({ updated: 1, missing: [] });
    const [after] = await read(name, "long");
    expect(after?.metadata).toEqual({ topic: "b", empty: null, nested: { b: 2 } });
    expect(after?.passages).toEqual(before?.passages);
    expect(after?.passages[1]?.offset).toEqual(expect.any(Number));
    expect(after?.createdAt).toEqual(before?.createdAt);
    expect(after?.updatedAt.getTime()).toBeGreaterThan(before?.updatedAt.getTime() ?? 0);
    const rows = await storedRows(name, "long");
    expect(rows.length).toBeGreaterThan(2);
    expect(new Set(rows.map((row) => row.metadata)).size).toBe(1);
    const kept = ({ chunk, embedding, sequence }: StoredRow) => [chunk, embedding, sequence];
    expect(rows.map(kept)).toEqual(rowsBefore.map(kept));
    expect((await read(name, "other"))[0]?.metadata).toEqual(metadata);
    const counts = await Promise.all(
      ["a", "b"].map((topic) =>
        countDocuments(testDatabase.database, tenantId, { collection: name, filter: { topic } }),
      ),
    );
    expect(counts).toEqual([
      { documents: 1, passages: 1 },
      { documents: 1, passages: rows.length },
    ]);
  });

  test("sets, keeps and removes the URI", async () => {
    const name = await collection();
    await put(name, { id: "a", content: "a", uri: "x://old", metadata: { n: 1 } });
    const uriAfter = async (change: Omit<DocumentUpdate, "id">) => {
      await update(name, { id: "a", ...change });
      return (await read(name, "a"))[0]?.uri;
    };
    expect(await uriAfter({ metadata: { n: 2 } })).toBe("x://old");
    expect(await uriAfter({ uri: "x://\0new\uD800" })).toBe("x://\0new\uD800");
    expect((await read(name, "a"))[0]?.metadata).toEqual({ n: 2 });
    expect(await uriAfter({ uri: null, metadata: {} })).toBeNull();
  });

  test("lists missing ids in the order of the input, and applies updates of one document in order", async () => {
    const name = await collection();
    await put(name, { id: "b", content: "b", metadata: { n: 0 } }, { id: "x".repeat(3_000), content: "long id" });
    const result = await update(
      name,
      { id: "z", metadata: {} },
      { id: "b", metadata: { n: 1, first: true, gone: 1 } },
      { id: "x".repeat(3_000), metadata: { n: 2 } },
      { id: "a", uri: "x://a" },
      { id: "b", metadata: { n: 3, gone: null }, uri: "x://b" },
    );
    expect(result).toEqual({ updated: 2, missing: ["z", "a"] });
    const [b, long] = await read(name, "b", "x".repeat(3_000));
    expect([b?.metadata, b?.uri, long?.metadata]).toEqual([{ n: 3, first: true }, "x://b", { n: 2 }]);
  });

  test("updates more documents than one statement does", async () => {
    const name = await collection();
    const documents = Array.from({ length: 450 }, (_, n) => ({ id: `d${n}`, content: "x", metadata: { n } }));
    await put(name, ...documents);
    const updates = documents.map(({ id }) => ({ id, metadata: { seen: id } }));
    expect(await update(name, ...updates.toReversed())).toEqual({ updated: 450, missing: [] });
    const page = await listDocuments(testDatabase.database, tenantId, { collection: name, limit: 1_000 });
    expect(page.documents.every(({ id, metadata }) => metadata.seen === id && metadata.n === Number(id.slice(1)))).toBe(
      true,
    );
  });

  test("keeps any key and value, and numbers that it does not change in their form", async () => {
    const name = await collection();
    const big = 2n ** 80n;
    await put(name, { id: "a", content: "a", metadata: { big, "k\0": "v\uD800", half: "x" } });
    const target = await getCollection(testDatabase.database, tenantId, name);
    await executeAsTenant(
      sql`UPDATE cairn.documents SET metadata = metadata || '{"one": 1.0, "list": [2.50]}' WHERE ${inCollection(target)}`,
    );
    const changes = JSON.parse('{"__proto__": {"polluted": true}, "half": null}');
    await update(name, { id: "a", metadata: { ...changes, "\uD83D": "\0" } });
    const [document] = await read(name, "a");
    const expected = { ...changes, big, "k\0": "v\uD800", "\uD83D": "\0", one: 1, list: [2.5] };
    delete expected.half;
    expect(document?.metadata).toEqual(expected);
    expect(Object.keys(document?.metadata ?? {})).toContain("__proto__");
    const [row] = await storedRows(name, "a");
    expect(row?.metadata).toContain('"one": 1.0');
  });

  test("refuses metadata that exceeds the limit only after merging, and then updates nothing", async () => {
    const name = await collection();
    const half = "x".repeat(40_000);
    await put(name, { id: "a", content: "a", metadata: { n: 0 } }, { id: "b", content: "b", metadata: { half } });
    const updates: readonly DocumentUpdate[] = [
      { id: "a", metadata: { n: 1 } },
      { id: "b", metadata: { more: half } },
    ];
    await expect(update(name, ...updates)).rejects.toMatchObject({
      code: "invalid_input",
      path: "documents[1].metadata",
      message: expect.stringMatching(/Document "b" cannot be updated.*limit of 65,536/),
    });
    expect((await read(name, "a"))[0]?.metadata).toEqual({ n: 0 });
    expect(await update(name, { id: "b", metadata: { half: null, more: half } })).toMatchObject({ updated: 1 });
  });

  test("refuses an update without a change, and a number that JSON cannot represent, with the path", async () => {
    const name = await collection();
    await put(name, { id: "a", content: "a" });
    await expect(update(name, { id: "a", uri: null }, { id: "a" })).rejects.toMatchObject({
      code: "invalid_input",
      path: "documents[1].metadata",
    });
    await expect(update(name, { id: "a", metadata: { size: Number.NaN } })).rejects.toMatchObject({
      code: "invalid_input",
      path: "documents[0].metadata.size",
    });
  });

  test("moves the rows to the open segment, so that a search finds them with their new metadata", async () => {
    const name = await collection();
    const documents = ["a", "b"].map((id) => ({ id, content: id, embedding: vector(1, 2, 3, 4) }));
    await put(name, ...documents);
    const { id } = await getCollection(testDatabase.database, tenantId, name);
    await executeAsTenant(sql`UPDATE cairn.collections SET open_segment = 7 WHERE id = ${id}::uuid`);
    await update(name, { id: "a", metadata: { new: true } });
    expect([(await storedRows(name, "a"))[0]?.segment, (await storedRows(name, "b"))[0]?.segment]).toEqual([7, 0]);
    const search = { collection: name, embedding: vector(1, 2, 3, 4), filter: { new: true } };
    expect((await query(testDatabase.services, tenantId, search)).map((hit) => hit.id)).toEqual(["a"]);
  });

  test("deletes the document from copies of the collection, and is refused in a copy", async () => {
    const [name, copy] = [await collection(), await collection()];
    for (const each of [name, copy]) await put(each, { id: "a", content: "a" }, { id: "b", content: "b" });
    const { id } = await getCollection(testDatabase.database, tenantId, name);
    await executeAsTenant(sql`UPDATE cairn.collections SET replaced_by = ${id}::uuid WHERE name = ${copy}`);
    await expect(update(copy, { id: "a", metadata: { n: 1 } })).rejects.toMatchObject({ code: "collection_changed" });
    await update(name, { id: "a", metadata: { n: 1 } }, { id: "missing", metadata: {} });
    expect((await read(copy, "a", "b")).map((document) => document.id)).toEqual(["b"]);
    expect(await read(name, "a", "b")).toHaveLength(2);
  });

  test("throws not_found for a missing collection", async () => {
    await expect(update("none", { id: "a", metadata: {} })).rejects.toMatchObject({ code: "not_found" });
  });
});
