import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { changeCollection } from "../collection/change.ts";
import { createCollection } from "../collection/create.ts";
import { getCollection, listCollections } from "../collection/get.ts";
import { deleteDocuments } from "../document/delete.ts";
import { ingest } from "../document/ingest.ts";
import { listDocuments } from "../document/list.ts";
import { createOfflineEmbedder } from "../embedding/offline.ts";
import { maintainIndexes } from "../maintenance/indexes.ts";
import { inspectCollection } from "../maintenance/inspect.ts";
import { withLease } from "../maintenance/lease.ts";
import { query } from "../search/query.ts";
import type { Services } from "../services.ts";
import { changeModel, restoreModel } from "./change.ts";
import { fillCollection } from "./fill.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);
let services: Services;
let embedded = 0;
beforeAll(async () => {
  services = {
    database: own.database,
    embedders: {
      default: { model: "test/old", dimensions: 64 },
      notice: undefined,
      get: (model) => {
        const embedder = createOfflineEmbedder(model);
        return {
          ...embedder,
          embed: (texts, options) => {
            embedded += texts.length;
            return embedder.embed(texts, { ...options, dimensions: model === "test/new" ? 96 : 64 });
          },
        };
      },
    },
  };
});

const documents = (count: number, prefix = "d") =>
  Array.from({ length: count }, (_, n) => ({
    id: `${prefix}${n}`,
    content: `passage ${n} about ${n % 2 ? "returns" : "shipping"}`,
    metadata: { n },
    uri: `https://example.org/${n}`,
  }));

async function fill(name: string, count: number) {
  await createCollection(own.database, tenantId, { name, embeddingModel: "test/old", dimensions: 64 });
  await ingest(services, tenantId, { collection: name, documents: documents(count) });
}

async function contents(collection: string): Promise<Record<string, unknown>> {
  const { documents: listed } = await listDocuments(own.database, tenantId, { collection, limit: 1_000 });
  return Object.fromEntries(
    listed.map(({ id, metadata, uri, passages }) => [
      id,
      { metadata, uri, passages: passages.map(({ content }) => content) },
    ]),
  );
}

test("changeModel() embeds every passage with the new model, under the same name, and keeps the old collection", async () => {
  await fill("manual", 30);
  const before = await contents("manual");
  const changed = await changeModel(services, tenantId, "test/new", { collection: "manual" });
  expect(changed).toMatchObject({
    written: 30,
    failed: [],
    collection: { name: "manual", embeddingModel: "test/new", dimensions: 96 },
    replaced: { name: "manual (by test/old)", embeddingModel: "test/old", replacedBy: changed.collection.id },
  });
  expect(await contents("manual")).toEqual(before);
  const [hit] = await query(services, tenantId, { collection: "manual", text: "passage 7 about returns" });
  expect(hit).toMatchObject({ id: "d7", distance: expect.closeTo(0, 5) });
  await expect(changeModel(services, tenantId, "test/new", { collection: "manual" })).rejects.toMatchObject({
    code: "invalid_input",
  });
  await expect(
    ingest(services, tenantId, { collection: "manual (by test/old)", documents: documents(1) }),
  ).rejects.toMatchObject({ code: "collection_changed" });
});

test("restoreModel() restores the old model with later writes, edits and deletions, and embeds only those", async () => {
  await fill("back", 20);
  await changeModel(services, tenantId, "test/new", { collection: "back" });
  await ingest(services, tenantId, {
    collection: "back",
    documents: [...documents(2, "later"), { id: "d3", content: "edited", metadata: {} }],
  });
  await deleteDocuments(own.database, tenantId, { collection: "back", ids: ["d4"] });
  const now = await contents("back");
  expect(Object.keys(now)).toHaveLength(21);
  embedded = 0;
  const restored = await restoreModel(services, tenantId, { collection: "back" });
  expect(restored).toMatchObject({
    written: 3,
    deleted: 0,
    collection: { name: "back", embeddingModel: "test/old" },
  });
  expect(embedded).toBe(3);
  expect(await contents("back")).toEqual(now);
  await expect(
    restoreModel(services, tenantId, { collection: "manual (by test/old)" }),
  ).rejects.toMatchObject({
    code: "not_found",
  });
});

test("an interrupted change continues, and searches use the old model until it ends", async () => {
  await fill("slow", 1_200);
  const stop = new AbortController();
  const interrupted = changeModel(services, tenantId, "test/new", {
    collection: "slow",
    signal: stop.signal,
    onProgress: ({ written }) => written >= 500 && stop.abort(new Error("interrupted")),
  });
  await expect(interrupted).rejects.toThrow("interrupted");
  expect(await getCollection(own.database, tenantId, "slow")).toMatchObject({ embeddingModel: "test/old" });
  expect(await query(services, tenantId, { collection: "slow", text: "passage 9" })).toHaveLength(10);
  const changed = await changeModel(services, tenantId, "test/new", { collection: "slow" });
  expect(changed.written).toBe(700);
  expect(Object.keys(await contents("slow"))).toHaveLength(1_000); // a page
});

test("an interrupted restore can be repeated, and nothing else can write into the restored collection", async () => {
  await fill("there", 20);
  await changeModel(services, tenantId, "test/new", { collection: "there" });
  const edited = documents(1_200).map((document) => ({
    ...document,
    content: `${document.content}, edited`,
  }));
  await ingest(services, tenantId, { collection: "there", documents: edited });
  const now = await contents("there");
  const stop = new AbortController();
  const interrupted = restoreModel(services, tenantId, {
    collection: "there",
    signal: stop.signal,
    onProgress: ({ written }) => written >= 500 && stop.abort(new Error("interrupted")),
  });
  await expect(interrupted).rejects.toThrow("interrupted");
  expect(await getCollection(own.database, tenantId, "there")).toMatchObject({ embeddingModel: "test/new" });
  await expect(
    ingest(services, tenantId, { collection: "there (by test/old)", documents: documents(1) }),
  ).rejects.toMatchObject({ code: "collection_changed" });
  const restored = await restoreModel(services, tenantId, { collection: "there" });
  expect(restored).toMatchObject({
    written: 700,
    collection: { embeddingModel: "test/old", replacedBy: null },
  });
  expect(await contents("there")).toEqual(now);
  const again = await restoreModel(services, tenantId, { collection: "there" });
  expect(again).toMatchObject({ written: 0, collection: { embeddingModel: "test/new" } });
});

test("a change that needs the name of an unrelated collection is refused before anything is embedded", async () => {
  await fill("mine", 10);
  for (const name of ["mine (by test/new)", "mine (by test/old)"]) {
    await createCollection(own.database, tenantId, { name, embeddingModel: "test/new", dimensions: 96 });
    await ingest(services, tenantId, { collection: name, documents: documents(3, "own") });
    const before = await contents(name);
    embedded = 0;
    await expect(changeModel(services, tenantId, "test/new", { collection: "mine" })).rejects.toMatchObject({
      code: "already_exists",
      message: expect.stringMatching(/Rename that collection or delete it/),
    });
    expect(embedded).toBe(0);
    expect(await contents(name)).toEqual(before);
    await changeCollection(own.database, tenantId, name, { name: `${name}, moved` });
  }
  const { collection } = await changeModel(services, tenantId, "test/new", { collection: "mine" });
  expect(collection).toMatchObject({ name: "mine", embeddingModel: "test/new" });
});

test("a collection that another one kept is not used as a draft, and a collection that the same one kept is filled again", async () => {
  await fill("first", 5);
  await changeModel(services, tenantId, "test/new", { collection: "first" });
  await changeCollection(own.database, tenantId, "first", { name: "archive" });
  await createCollection(own.database, tenantId, {
    name: "first",
    embeddingModel: "test/new",
    dimensions: 96,
  });
  const change = (collection: string) => changeModel(services, tenantId, "test/old", { collection });
  await expect(change("first")).rejects.toMatchObject({ code: "already_exists" });
  expect(Object.keys(await contents("first (by test/old)"))).toHaveLength(5);
  await changeCollection(own.database, tenantId, "first", { name: "second" });
  await changeCollection(own.database, tenantId, "archive", { name: "first" });
  expect(await change("first")).toMatchObject({ written: 0, collection: { embeddingModel: "test/old" } });
});

test("a draft takes no other writes, and gets the settings of the collection that it replaces", async () => {
  await fill("begun", 600);
  const stop = new AbortController();
  const interrupted = changeModel(services, tenantId, "test/new", {
    collection: "begun",
    signal: stop.signal,
    onProgress: () => stop.abort(new Error("interrupted")),
  });
  await expect(interrupted).rejects.toThrow("interrupted");
  const draft = "begun (by test/new)";
  await expect(
    ingest(services, tenantId, { collection: draft, documents: documents(1, "own") }),
  ).rejects.toMatchObject({ code: "collection_changed" });
  await expect(changeModel(services, tenantId, "test/old", { collection: draft })).rejects.toMatchObject({
    code: "invalid_input",
    path: "collection",
  });
  await changeCollection(own.database, tenantId, "begun", {
    language: "german",
    metadata: { owner: "support" },
  });
  expect(await changeModel(services, tenantId, "test/new", { collection: "begun" })).toMatchObject({
    written: 100,
    collection: { language: "german", metadata: { owner: "support" }, replacedBy: null },
  });
});

test("a late second change of the same collection does not write into the collection in use", async () => {
  await fill("late", 5);
  const { collection, replaced } = await changeModel(services, tenantId, "test/new", { collection: "late" });
  await ingest(services, tenantId, { collection: "late", documents: documents(2, "since") });
  const asDraft = { ...collection, replacedBy: collection.id };
  await expect(fillCollection(services, replaced, asDraft)).rejects.toMatchObject({
    code: "collection_changed",
  });
  expect(Object.keys(await contents("late"))).toHaveLength(7);
});

describe("a collection with an index is not replaced by one without", () => {
  const indexSettings = { threshold: 20 };
  const optionsFor = (collection: string) => ({ collection, wait: 0 });

  async function describeCollection(collection: string): Promise<string> {
    const { indexes, collection: found } = await inspectCollection(own.database, tenantId, collection);
    return `${found.embeddingModel}, ${indexes.filter(({ usable }) => usable).length} indexes`;
  }

  test("while another process builds indexes; the change continues later without embedding again", async () => {
    await fill("held", 50);
    await changeCollection(own.database, tenantId, "held", { indexSettings });
    await maintainIndexes(own.database, { tenantId, collection: "held" });
    await withLease(own.database, "indexes", async () => {
      await expect(changeModel(services, tenantId, "test/new", optionsFor("held"))).rejects.toMatchObject({
        code: "run_held",
        remedy: "reindex",
      });
    });
    expect(await describeCollection("held")).toBe("test/old, 2 indexes");
    embedded = 0;
    expect(await changeModel(services, tenantId, "test/new", optionsFor("held"))).toMatchObject({
      written: 0,
    });
    expect(embedded).toBe(0);
    expect(await describeCollection("held")).toBe("test/new, 2 indexes");
  });

  test("if the build is too large for this process, unless the threshold permits no index", async () => {
    await fill("large", 50);
    await changeCollection(own.database, tenantId, "large", { indexSettings });
    await maintainIndexes(own.database, { tenantId, collection: "large" });
    const options = { ...optionsFor("large"), maxRows: 49 };
    await expect(changeModel(services, tenantId, "test/new", options)).rejects.toMatchObject({
      code: "deadline_exceeded",
    });
    expect(await describeCollection("large")).toBe("test/old, 2 indexes");
    await changeCollection(own.database, tenantId, "large", { indexSettings: { threshold: 1_000 } });
    await changeModel(services, tenantId, "test/new", options);
    expect(await describeCollection("large")).toBe("test/new, 0 indexes");
  });

  test("but a collection without an index is replaced", async () => {
    await fill("none", 50);
    await changeCollection(own.database, tenantId, "none", { indexSettings });
    await changeModel(services, tenantId, "test/new", { ...optionsFor("none"), maxRows: 49 });
    expect(await describeCollection("none")).toBe("test/new, 0 indexes");
  });
});

test("a passage without text is kept without a vector and reported", async () => {
  await fill("textless", 3);
  const embedding = new Float32Array(64).fill(0.5);
  await ingest(services, tenantId, {
    collection: "textless",
    documents: [{ id: "bare", content: null, embedding }],
  });
  const changed = await changeModel(services, tenantId, "test/new", { collection: "textless" });
  expect(changed.failed).toMatchObject([{ id: "bare" }]);
  expect(Object.keys(await contents("textless")).sort()).toEqual(["bare", "d0", "d1", "d2"]);
});

test.runIf(serverUrl())(
  "writes, edits and deletions during the change are complete under the new model",
  async () => {
    await fill("busy", 400);
    let done = false;
    const written = new Map<string, string>(documents(400).map(({ id, content }) => [id, content]));
    const writer = async (lane: number) => {
      for (let round = 0; !done || round < 5; round++) {
        const id = `w${lane}-${round}`;
        await ingest(services, tenantId, {
          collection: "busy",
          documents: [{ id, content: `written ${id}` }],
        });
        written.set(id, `written ${id}`);
        const edited = `d${lane * 100 + (round % 50)}`;
        await ingest(services, tenantId, {
          collection: "busy",
          documents: [{ id: edited, content: `edit ${round}` }],
        });
        written.set(edited, `edit ${round}`);
        const gone = `d${lane * 100 + 50 + (round % 50)}`;
        if (await deleteDocuments(own.database, tenantId, { collection: "busy", ids: [gone] }))
          written.delete(gone);
        await sleep(20);
      }
    };
    const writers = [0, 1, 2, 3].map(writer);
    await changeModel(services, tenantId, "test/new", { collection: "busy" });
    await sleep(100);
    done = true;
    await Promise.all(writers);
    expect(await getCollection(own.database, tenantId, "busy")).toMatchObject({ embeddingModel: "test/new" });
    const now = await contents("busy");
    for (const [id, content] of written) expect(now[id], id).toMatchObject({ passages: [content] });
    expect(Object.keys(now).sort()).toEqual([...written.keys()].sort());
    expect(await listCollections(own.database, tenantId)).toContainEqual(
      expect.objectContaining({ name: "busy (by test/old)" }),
    );
  },
);
