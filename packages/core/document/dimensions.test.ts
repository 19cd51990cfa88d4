import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { documentsOf, vector } from "../../../test/support/documents.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { getCollection } from "../collection/get.ts";
import { selectRows } from "../database/rows.ts";
import type { NewDocument } from "./document.ts";

const testDatabase = useTestDatabase();
const tenantId = useTenant(testDatabase);
const { collection, count, put } = documentsOf(testDatabase, tenantId);

describe("a vector of other dimensions", () => {
  test("is rejected with both numbers, and nothing is written, even if it is the last of many", async () => {
    const name = await collection(4);
    const documents = Array.from(
      { length: 1_200 },
      (_, n): NewDocument => ({ id: `d${n}`, content: null, embedding: vector(1, n, 0, 0) }),
    );
    documents.push({ id: "the last", content: null, embedding: vector(1, 2, 3) });
    await expect(put(name, ...documents)).rejects.toMatchObject({
      code: "dimension_mismatch",
      path: "documents[1200].embedding",
      message: expect.stringMatching(/vectors of 4 dimensions.*"the last" has 3/),
    });
    expect(await count(name)).toEqual({ documents: 0, passages: 0 });
  });

  test("is named by its index in the input, also if an id occurs twice", async () => {
    const name = await collection(4);
    const documents = [
      { id: "twice", content: null, embedding: vector(1, 0, 0, 0) },
      { id: "twice", content: null, embedding: vector(1, 0) },
    ];
    await expect(put(name, ...documents)).rejects.toMatchObject({ path: "documents[1].embedding" });
  });

  test("is rejected in the first write to a collection, which then still has no dimensions", async () => {
    const name = await collection(null);
    await expect(
      put(
        name,
        { id: "a", content: null, embedding: vector(1, 2) },
        { id: "b", content: null, embedding: vector(1, 2, 3) },
      ),
    ).rejects.toMatchObject({ code: "dimension_mismatch" });
    expect(await getCollection(testDatabase.database, tenantId, name)).toMatchObject({ dimensions: null });
    expect(await count(name)).toEqual({ documents: 0, passages: 0 });
  });
});

test("a collection without dimensions takes those of its first vector and keeps them", async () => {
  const name = await collection(null);
  await put(name, { id: "a", content: null, embedding: vector(1, 2, 3) });
  expect(await getCollection(testDatabase.database, tenantId, name)).toMatchObject({ dimensions: 3 });
  await expect(put(name, { id: "b", content: null, embedding: vector(1) })).rejects.toMatchObject({
    code: "dimension_mismatch",
  });
  await put(name, { id: "c", content: "embedded to the same size" });
  expect(await count(name)).toEqual({ documents: 2, passages: 2 });
});

test("in a collection without dimensions, texts are embedded to the dimensions of the given vectors", async () => {
  const name = await collection(null);
  const documents: NewDocument[] = Array.from({ length: 501 }, (_, n) => ({
    id: `t${n}`,
    content: `text ${n}`,
  }));
  documents.push({ id: "given", content: null, embedding: vector(1, 2, 3) });
  expect(await put(name, ...documents)).toMatchObject({ passages: 502, failed: [] });
  expect(await getCollection(testDatabase.database, tenantId, name)).toMatchObject({ dimensions: 3 });
});

test("vectors of 1,536 dimensions are stored in the row, where an exact scan is four times as fast", async () => {
  const name = await collection(1_536);
  const embedding = new Float32Array(1_536).map(() => Math.random() + 0.1);
  await put(name, ...Array.from({ length: 20 }, (_, n) => ({ id: `v${n}`, content: `kettle ${n}`, embedding })));
  const [toast] = await testDatabase.database.transaction(({ orm }) =>
    selectRows<{ rows: number; toasted: number }>(
      orm,
      sql`SELECT count(*)::int AS rows, count(pg_column_toast_chunk_id(embedding))::int AS toasted
          FROM cairn.documents WHERE id LIKE 'v%' AND vector_dims(embedding) = 1536`,
    ),
  );
  expect(toast).toEqual({ rows: 20, toasted: 0 });
});
