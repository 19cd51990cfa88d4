import { expect, test } from "vitest";
import { startEmbeddingApi } from "../../../test/support/embedding-api.ts";
import { ollama } from "../../../test/support/embedding-dialects.ts";
import { useServer, useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import type { Embedder } from "../embedding/embedder.ts";
import { createEmbedders } from "../embedding/embedders.ts";
import { createOfflineEmbedder } from "../embedding/offline.ts";
import { changeModel } from "../reembed/change.ts";
import type { Services } from "../services.ts";
import { MAX_SLICE_BYTES, MAX_SLICE_PASSAGES } from "./byte-slices.ts";
import { countDocuments } from "./count.ts";
import type { NewDocument } from "./document.ts";
import { ingest } from "./ingest.ts";
import { getDocuments } from "./list.ts";
import { MAX_PASSAGES } from "./split.ts";

const testDatabase = useTestDatabase();
const tenantId = useTenant(testDatabase);
const api = useServer(() => startEmbeddingApi({ dimensions: 8, dialect: ollama((text) => text.includes("poison")) }));

/** Services with an embedder that records the number of texts and the bytes of vectors of each call. */
function createRecordingServices() {
  const calls: { readonly texts: number; readonly bytes: number }[] = [];
  const embedder: Embedder = {
    model: "test/wide",
    cacheable: false,
    async embed(texts, { dimensions }) {
      calls.push({ texts: texts.length, bytes: texts.length * dimensions * 4 });
      return texts.map(() => new Float32Array(dimensions).fill(1));
    },
  };
  const services: Services = {
    database: testDatabase.database,
    embedders: { default: { model: "test/wide", dimensions: 8 }, notice: undefined, get: () => embedder },
  };
  return { services, calls };
}

const sentences = (count: number) =>
  Array.from({ length: count }, (_, n) => `Sentence number ${n} of this text says only one thing.`).join(" ");

test("texts of many documents are embedded and written in slices of bounded bytes", async () => {
  const dimensions = 16_000;
  await createCollection(testDatabase.database, tenantId, {
    name: "wide",
    dimensions,
    embeddingModel: "test/wide",
  });
  const { services, calls } = createRecordingServices();
  const documents = Array.from({ length: 60 }, (_, n) => ({ id: `d${n}`, content: sentences(10) }));
  const result = await ingest(services, tenantId, {
    collection: "wide",
    documents,
    maxTokens: 16,
    overlap: 0,
  });
  expect(result).toMatchObject({ ids: documents.map(({ id }) => id), failed: [] });
  expect(result.passages * dimensions * 4).toBeGreaterThan(3 * MAX_SLICE_BYTES);
  for (const { bytes } of calls) expect(bytes).toBeLessThanOrEqual(MAX_SLICE_BYTES);
  expect(await countDocuments(testDatabase.database, tenantId, { collection: "wide" })).toEqual({
    documents: 60,
    passages: result.passages,
  });
});

test("a change of model embeds in slices of the same bounded bytes, and texts of megabytes one by one", async () => {
  const dimensions = 16_000;
  await createCollection(testDatabase.database, tenantId, {
    name: "old",
    dimensions: 2,
    embeddingModel: "test/other",
  });
  const { services, calls } = createRecordingServices();
  const embedding = new Float32Array([1, 0]);
  const documents: NewDocument[] = Array.from({ length: 300 }, (_, n) => ({
    id: `d${n}`,
    content: `t${n}`,
    embedding,
  }));
  documents.push(...["x", "y", "z"].map((id) => ({ id, content: id.repeat(4_000_000), embedding })));
  await ingest(services, tenantId, { collection: "old", documents });
  await changeModel(
    { ...services, embedders: { ...services.embedders, default: { model: "test/wide", dimensions } } },
    tenantId,
    "test/wide",
    { collection: "old" },
  );
  expect(calls.reduce((sum, { texts }) => sum + texts, 0)).toBe(303);
  for (const { bytes } of calls) expect(bytes).toBeLessThanOrEqual(MAX_SLICE_BYTES);
  expect(calls.length).toBeGreaterThanOrEqual(5);
  expect(await countDocuments(testDatabase.database, tenantId, { collection: "old" })).toEqual({
    documents: 303,
    passages: 303,
  });
});

test("a document larger than a slice is embedded in slices and replaced in one transaction", async () => {
  const embedders = createEmbedders({
    openai: { baseUrl: api.url },
    defaultModel: "openai/test",
    defaultDimensions: 8,
    requests: { attempts: 1, backoff: 1 },
  });
  const services = { database: testDatabase.database, embedders };
  await createCollection(testDatabase.database, tenantId, {
    name: "long",
    dimensions: 8,
    embeddingModel: "openai/test",
  });
  const put = (content: string, id = "long") =>
    ingest(services, tenantId, {
      collection: "long",
      documents: [
        { id, content },
        { id: `next to ${id}`, content: "short" },
      ],
      maxTokens: 16,
      overlap: 0,
    });
  const read = async (id: string) => {
    const [document] = await getDocuments(testDatabase.database, tenantId, { collection: "long", ids: [id] });
    return document?.passages ?? [];
  };

  const first = await put(sentences(1_500));
  expect(first.passages).toBeGreaterThan(MAX_SLICE_PASSAGES + 1);
  const passages = await read("long");
  expect(passages.map(({ chunk }) => chunk)).toEqual(passages.map((_, chunk) => chunk));
  expect(passages.every(({ embedded }) => embedded)).toBe(true);
  expect(passages.map(({ content }) => content?.trim()).join(" ")).toBe(sentences(1_500));
  for (const { input } of api.requests) expect(input.length).toBeLessThanOrEqual(MAX_SLICE_PASSAGES);

  // A rejected passage fails the document, and the previous version stays.
  const rejected = await put(`${sentences(1_400)} This one is poison.`);
  expect(rejected).toMatchObject({
    ids: ["next to long"],
    failed: [{ id: "long", code: "embedding_failed" }],
  });
  expect(await read("long")).toEqual(passages);

  const shorter = await put(sentences(1_100));
  expect(shorter.failed).toEqual([]);
  expect(await read("long")).toHaveLength(shorter.passages - 1);
});

test("a document with too many passages fails with the limit, and the others are written", async () => {
  await createCollection(testDatabase.database, tenantId, {
    name: "many",
    dimensions: 8,
    embeddingModel: "offline/words",
  });
  const services = {
    database: testDatabase.database,
    embedders: { default: undefined, notice: undefined, get: () => createOfflineEmbedder() },
  };
  const documents = [
    { id: "a", content: "before" },
    { id: "huge", content: sentences(MAX_PASSAGES + 500) },
    { id: "b", content: "behind" },
  ];
  const { ids, failed } = await ingest(services, tenantId, {
    collection: "many",
    documents,
    maxTokens: 16,
    overlap: 0,
  });
  expect(ids).toEqual(["a", "b"]);
  expect(failed).toMatchObject([
    {
      id: "huge",
      code: "invalid_input",
      message: expect.stringMatching(/makes \d+ passages, .*at most 10000/),
    },
  ]);
});
