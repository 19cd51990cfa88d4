import { describe, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { documents, reembeddingOf } from "../../../test/support/reembedding.ts";
import { changeCollection } from "../collection/change.ts";
import { createCollection } from "../collection/create.ts";
import { ingest } from "../document/ingest.ts";
import { maintainIndexes } from "../maintenance/indexes.ts";
import { inspectCollection } from "../maintenance/inspect.ts";
import { withLease } from "../maintenance/lease.ts";
import { changeModel } from "./change.ts";
import { fillCollection } from "./fill.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);
const { services, embedded, fill, contents } = reembeddingOf(own, tenantId);

test("a change that needs the name of an unrelated collection is refused before anything is embedded", async () => {
  await fill("mine", 10);
  for (const name of ["mine (by test/new)", "mine (by test/old)"]) {
    await createCollection(own.database, tenantId, { name, embeddingModel: "test/new", dimensions: 96 });
    await ingest(services, tenantId, { collection: name, documents: documents(3, "own") });
    const before = await contents(name);
    embedded.texts = 0;
    await expect(changeModel(services, tenantId, "test/new", { collection: "mine" })).rejects.toMatchObject({
      code: "already_exists",
      message: expect.stringMatching(/Rename that collection or delete it/),
    });
    expect(embedded.texts).toBe(0);
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
  await expect(ingest(services, tenantId, { collection: draft, documents: documents(1, "own") })).rejects.toMatchObject(
    { code: "collection_changed" },
  );
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
    embedded.texts = 0;
    expect(await changeModel(services, tenantId, "test/new", optionsFor("held"))).toMatchObject({
      written: 0,
    });
    expect(embedded.texts).toBe(0);
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
