import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { documents, reembeddingOf } from "../../../test/support/reembedding.ts";
import { getCollection, listCollections } from "../collection/get.ts";
import { deleteDocuments } from "../document/delete.ts";
import { ingest } from "../document/ingest.ts";
import { query } from "../search/query.ts";
import { changeModel, restoreModel } from "./change.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);
const { services, embedded, fill, contents } = reembeddingOf(own, tenantId);

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
  embedded.texts = 0;
  const restored = await restoreModel(services, tenantId, { collection: "back" });
  expect(restored).toMatchObject({
    written: 3,
    deleted: 0,
    collection: { name: "back", embeddingModel: "test/old" },
  });
  expect(embedded.texts).toBe(3);
  expect(await contents("back")).toEqual(now);
  await expect(restoreModel(services, tenantId, { collection: "manual (by test/old)" })).rejects.toMatchObject({
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

test.runIf(serverUrl())("writes, edits and deletions during the change are complete under the new model", async () => {
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
      if (await deleteDocuments(own.database, tenantId, { collection: "busy", ids: [gone] })) written.delete(gone);
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
});
