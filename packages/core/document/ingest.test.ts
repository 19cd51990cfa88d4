import { expect, test } from "vitest";
import { documentsOf, vector, words } from "../../../test/support/documents.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { AppError } from "../error.ts";
import { ingest } from "./ingest.ts";

const testDatabase = useTestDatabase();
const { services } = testDatabase;
const tenantId = useTenant(testDatabase);
const { collection, count, put, read } = documentsOf(testDatabase, tenantId);

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
  expect(long?.passages.map(({ chunk }) => chunk)).toEqual(Array.from({ length: result.passages - 1 }, (_, n) => n));
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
  const { ids } = await ingest({ ...services, database: { ...testDatabase.database, transaction } }, tenantId, {
    collection: name,
    documents,
  });
  expect(writes).toBe(6); // two attempts with three transactions: the collection and two batches
  expect(await count(name)).toEqual({ documents: 700, passages: 700 });
  expect(new Set(ids).size).toBe(700);
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
