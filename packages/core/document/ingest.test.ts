import { sql } from "drizzle-orm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { getCollection } from "../collection/get.ts";
import type { JsonObject } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";
import { query } from "../search/query.ts";
import type { Services } from "../services.ts";
import type { NewDocument } from "./document.ts";
import { ingest } from "./ingest.ts";
import { countDocuments, getDocuments } from "./list.ts";
import { writeRows } from "./write.ts";

const testDatabase = useTestDatabase();
const { services } = testDatabase;
const tenantId = useTenant(testDatabase);

let created = 0;
/** Creates a collection for one test. */
async function collection(dimensions: number | null = 4): Promise<string> {
  created += 1;
  const name = `c${created}`;
  await createCollection(testDatabase.database, tenantId, {
    name,
    dimensions,
    embeddingModel: "offline/words",
  });
  return name;
}

const vector = (...elements: number[]) => new Float32Array(elements);
const words = (count: number) => Array.from({ length: count }, (_, n) => `word${n}`).join(" ");
const read = (name: string, ...ids: string[]) =>
  getDocuments(testDatabase.database, tenantId, { collection: name, ids });
const put = (name: string, ...documents: NewDocument[]) =>
  ingest(services, tenantId, { collection: name, documents });
const count = (name: string) => countDocuments(testDatabase.database, tenantId, name);

test("a long text becomes ordered passages of one id that cover the text, and a short text is one passage", async () => {
  const name = await collection();
  const text = words(3_000);
  const result = await put(
    name,
    { id: "long", content: text, uri: "s3://b/k", metadata: { a: 1 } },
    { id: "short", content: "hi" },
  );
  expect(result).toMatchObject({ ids: ["long", "short"], failed: [] });
  const [long, short] = await read(name, "long", "short");
  expect(long?.passages.map(({ chunk }) => chunk)).toEqual(
    Array.from({ length: result.passages - 1 }, (_, n) => n),
  );
  expect(long?.passages.length).toBeGreaterThan(2);
  expect(long?.passages.every(({ embedded }) => embedded)).toBe(true);
  for (const word of ["word0 ", "word1500 ", "word2999"])
    expect(long?.passages.some(({ content }) => `${content} `.includes(word))).toBe(true);
  expect(long).toMatchObject({ uri: "s3://b/k", metadata: { a: 1 } });
  expect(short?.passages).toEqual([{ chunk: 0, content: "hi", offset: 0, embedded: true }]);
  expect(await count(name)).toEqual({ documents: 2, passages: result.passages });
});

test("a rewritten document replaces all passages of the old one, also if it is shorter, and keeps created_at", async () => {
  const name = await collection();
  await put(
    name,
    { id: "x", content: words(3_000), metadata: { old: true }, uri: "old" },
    { id: "y", content: words(3_000) },
  );
  const [[before], others] = [await read(name, "x"), (await read(name, "y"))[0]?.passages.length];
  await put(name, { id: "x", content: "now short" });
  const [after] = await read(name, "x");
  expect(after).toMatchObject({ metadata: {}, uri: null, passages: [{ chunk: 0, content: "now short" }] });
  expect(after?.createdAt).toEqual(before?.createdAt);
  expect(after?.updatedAt.getTime()).toBeGreaterThan(before?.updatedAt.getTime() as number);
  expect((await read(name, "y"))[0]?.passages.length).toBe(others);
  expect(await count(name)).toEqual({ documents: 2, passages: 1 + (others as number) });
});

test("if an id occurs twice in a call, the last document wins", async () => {
  const name = await collection();
  const result = await put(
    name,
    { id: "x", content: words(3_000) },
    { id: "y", content: "y" },
    { id: "x", content: "last" },
  );
  expect(result).toMatchObject({ ids: ["x", "y"], passages: 2 });
  expect((await read(name, "x"))[0]?.passages).toMatchObject([{ content: "last" }]);
});

test("ids are returned in the order of the documents, with given and with embedded vectors", async () => {
  const name = await collection();
  const embedding = vector(1, 0, 0, 0);
  const result = await put(
    name,
    { id: "a", content: "text" },
    { id: "b", content: null, embedding },
    { id: "c", content: "text" },
  );
  expect(result.ids).toEqual(["a", "b", "c"]);
});

test("ids may be any string but empty: NUL, half a surrogate pair, newlines, 5,000 characters, an escape sequence", async () => {
  const name = await collection();
  const ids = [
    "a\0b",
    "\uD800",
    "\uDC00x",
    "two\nlines",
    "x".repeat(5_000),
    `${"x".repeat(4_999)}y`,
    "日本語 🍵",
    " ",
    "\uFFFE0000",
    "'; --",
    "é",
    "e\u0301",
  ];
  const result = await put(name, ...ids.map((id, n) => ({ id, content: `text ${n}` })));
  expect(result.ids).toEqual(ids);
  for (const [n, id] of ids.entries())
    expect(await read(name, id)).toMatchObject([{ id, passages: [{ content: `text ${n}` }] }]);
  await expect(put(name, { id: "", content: "x" })).rejects.toMatchObject({
    code: "invalid_input",
    path: "documents[0].id",
  });
  const { ids: random } = await put(name, { content: "without" }, { content: "an id" });
  expect(new Set(random).size).toBe(2);
});

test("a batch that is retried after a conflict keeps its generated ids", async () => {
  const name = await collection();
  let writes = 0;
  const transaction: typeof testDatabase.database.transaction = (work, settings) =>
    testDatabase.database.transaction(async (open) => {
      const done = await work(open);
      if (settings?.role === "cairn_app" && ++writes === 3)
        throw new AppError("database_busy", "Another writer caused a conflict.");
      return done;
    }, settings);
  const documents = Array.from({ length: 700 }, (_, n) => ({ content: null, embedding: vector(1, n, 0, 0) }));
  const { ids } = await ingest(
    { ...services, database: { ...testDatabase.database, transaction } },
    tenantId,
    {
      collection: name,
      documents,
    },
  );
  expect(writes).toBe(6); // two attempts with three transactions: the collection and two batches
  expect(await count(name)).toEqual({ documents: 700, passages: 700 });
  expect(new Set(ids).size).toBe(700);
});

test("any id, text, URI and metadata are returned unchanged", async () => {
  const name = await collection();
  const text = fc
    .array(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("\0", "\uD800", "\uFFFE", "0000")))
    .map((parts) => parts.join(""));
  const value = fc.oneof(
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(text, { maxLength: 2 }),
    fc.constant(2n ** 70n),
    fc.constant(1e300),
  );
  const documents = fc
    .sample(
      fc.record({
        id: text.filter((id) => id !== ""),
        content: text,
        uri: text,
        metadata: fc.dictionary(text, value, { maxKeys: 3 }) as fc.Arbitrary<JsonObject>,
      }),
      { numRuns: 150, seed: 5 },
    )
    .map((document) => ({ ...document, embedding: vector(1, 2, 3, 4) }));
  await put(name, ...documents);
  const last = new Map(documents.map((document) => [document.id, document]));
  const back = await read(name, ...last.keys());
  expect(back.length).toBe(last.size);
  for (const { id, uri, metadata, passages } of back)
    expect({ id, uri, metadata, content: passages[0]?.content }).toEqual({
      ...last.get(id),
      embedding: undefined,
    });
});

test("metadata keeps bigints, lists, nested objects, NUL in keys and values, and __proto__", async () => {
  const name = await collection();
  const metadata = JSON.parse(
    '{"__proto__": {"polluted": true}, "list": [1, "two", [3]], "nested": {"a": {"b": null}}, "empty": {}}',
  );
  Object.assign(metadata, { big: 2n ** 64n, "k\0": "v\0", half: "\uD83D", huge: 1e300, small: 5e-324 });
  await put(name, { id: "m", content: "m", metadata });
  const [document] = await read(name, "m");
  expect(document?.metadata).toEqual(metadata);
  expect(Object.keys(document?.metadata ?? {})).toContain("__proto__");
});

test("a text of a megabyte with a vector is stored as one passage", async () => {
  const name = await collection();
  await put(name, { id: "big", content: "x".repeat(1_000_000), embedding: vector(1, 0, 0, 0) });
  expect((await read(name, "big"))[0]?.passages[0]?.content).toHaveLength(1_000_000);
});

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

test("documents that cannot be written are listed with the reason, and the others are written", async () => {
  const name = await collection();
  const { ids, failed } = await put(
    name,
    { id: "nan", content: "x", embedding: vector(1, Number.NaN, 0, 0) },
    { id: "inf", content: "x", embedding: vector(1, Number.POSITIVE_INFINITY, 0, 0) },
    { id: "zero", content: "x", embedding: vector(0, 0, -0, 0) },
    { id: "nothing", content: null },
    { id: "empty", content: "" },
    { id: "blank", content: " \n\t" },
    { id: "good", content: "good" },
    { id: "vector only", content: null, embedding: vector(1, 0, 0, 0) },
    { id: "empty with vector", content: "", embedding: vector(1, 0, 0, 0) },
  );
  expect(ids).toEqual(["good", "vector only", "empty with vector"]);
  expect(failed.map(({ id, code }) => ({ id, code }))).toEqual(
    ["nan", "inf", "zero", "nothing", "empty", "blank"].map((id) => ({ id, code: "invalid_input" })),
  );
  expect(failed.every(({ message }) => message.length > 10)).toBe(true);
  expect(await read(name, "vector only")).toMatchObject([{ passages: [{ content: null, embedded: true }] }]);
  expect(await count(name)).toEqual({ documents: 3, passages: 3 });
});

test("a document that fails leaves the previous version unchanged", async () => {
  const name = await collection();
  await put(name, { id: "x", content: "before" });
  await put(name, { id: "x", content: " " });
  expect((await read(name, "x"))[0]?.passages).toMatchObject([{ content: "before" }]);
});

test("an empty call writes nothing, and a missing collection or model is reported before any write", async () => {
  const name = await collection();
  expect(await put(name)).toMatchObject({ ids: [], passages: 0, failed: [] });
  await expect(put("no such", { content: "x" })).rejects.toMatchObject({ code: "not_found" });
  await createCollection(testDatabase.database, tenantId, {
    name: "unknown",
    dimensions: 2,
    embeddingModel: null,
  });
  await expect(put("unknown", { content: "x" })).rejects.toMatchObject({
    code: "embedder_unavailable",
    remedy: "name_model",
  });
  await createCollection(testDatabase.database, tenantId, {
    name: "keyless",
    embeddingModel: "openai/text-embedding-3-small",
  });
  await expect(put("keyless", { content: "x" })).rejects.toMatchObject({
    code: "embedder_unavailable",
    message: expect.stringContaining("Set openai.apiKey"),
  });
});

test("vectors of 1,536 dimensions are stored in the row, where an exact scan is four times as fast", async () => {
  const name = await collection(1_536);
  const embedding = new Float32Array(1_536).map(() => Math.random() + 0.1);
  await put(
    name,
    ...Array.from({ length: 20 }, (_, n) => ({ id: `v${n}`, content: `kettle ${n}`, embedding })),
  );
  const [toast] = await testDatabase.database.transaction(({ orm }) =>
    selectRows<{ rows: number; toasted: number }>(
      orm,
      sql`SELECT count(*)::int AS rows, count(pg_column_toast_chunk_id(embedding))::int AS toasted
          FROM cairn.documents WHERE id LIKE 'v%' AND vector_dims(embedding) = 1536`,
    ),
  );
  expect(toast).toEqual({ rows: 20, toasted: 0 });
});

describe.runIf(serverUrl())("concurrent writers", () => {
  test("of two first writers with different dimensions, one is rejected", async () => {
    for (let round = 0; round < 5; round++) {
      const name = await collection(null);
      const outcomes = await Promise.allSettled([
        put(name, { id: "a", content: null, embedding: vector(1, 2) }),
        put(name, { id: "b", content: null, embedding: vector(1, 2, 3) }),
      ]);
      const rejected = outcomes.filter(({ status }) => status === "rejected");
      expect(rejected).toMatchObject([{ reason: { code: "dimension_mismatch" } }]);
      expect(await count(name)).toEqual({ documents: 1, passages: 1 });
    }
  });

  test("of two writers of one id, one wins completely and no passage of the other is left", async () => {
    const name = await collection();
    const long = words(3_000);
    for (let round = 0; round < 10; round++) {
      await Promise.all([put(name, { id: "x", content: long }), put(name, { id: "x", content: "short" })]);
      const [document] = await read(name, "x");
      const contents = document?.passages.map(({ content }) => content) ?? [];
      if (contents[0] === "short") expect(contents).toEqual(["short"]);
      else expect(contents.length).toBeGreaterThan(2);
    }
  });

  test("a writer that waits for a longer text deletes its surplus passages", async () => {
    const name = await collection();
    const target = await getCollection(testDatabase.database, tenantId, name);
    const types = await testDatabase.database.vectorTypes();
    const row = (chunk: number) => ({
      id: "x",
      chunk,
      content: `long ${chunk}`,
      embedding: null,
      metadata: {},
      uri: null,
    });
    let second: Promise<unknown> = Promise.resolve();
    await asTenant(testDatabase.database, tenantId, async (transaction) => {
      await writeRows(transaction, target, [row(0), row(1), row(2)], { types });
      second = put(name, { id: "x", content: "short" });
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    await second;
    expect((await read(name, "x"))[0]?.passages).toMatchObject([{ chunk: 0, content: "short" }]);
    expect(await count(name)).toEqual({ documents: 1, passages: 1 });
  });
});

describe.runIf(serverUrl())("back-pressure", () => {
  test("batches are written sequentially while the collection is searched, and concurrently otherwise", async () => {
    const name = await collection();
    const open = new Set<number>();
    let maxConcurrent = 0;
    const watched: Services = {
      ...services,
      database: {
        ...testDatabase.database,
        async transaction(work, settings) {
          const writes = settings?.role === "cairn_app";
          const startedAt = performance.now();
          if (writes) open.add(startedAt);
          maxConcurrent = Math.max(maxConcurrent, open.size);
          try {
            return await testDatabase.database.transaction(work, settings);
          } finally {
            open.delete(startedAt);
          }
        },
      },
    };
    const documents = Array.from({ length: 2_000 }, (_, n) => ({
      id: `d${n}`,
      content: "word",
      embedding: vector(1, n, 0, 1),
    }));
    await ingest(watched, tenantId, { collection: name, documents });
    expect(maxConcurrent).toBe(2);
    maxConcurrent = 0;
    await query(services, tenantId, { collection: name, embedding: vector(1, 0, 0, 1) });
    await ingest(watched, tenantId, { collection: name, documents });
    expect(maxConcurrent).toBe(1);
  });
});
